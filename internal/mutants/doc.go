// Package mutants has no code: it has usual mistakes in lock-free code, each as a
// change to a file of internal/ring, internal/park, internal/reply, internal/limit or
// dispatcher, and a test that plants them one at a time and requires that the models
// of these packages, or the histories of internal/lincheck, find them. A check that
// cannot fail proves nothing; `make mutants` shows that each of these can, and how. It
// does not touch the files: the go command reads the changed one through -overlay.
package mutants
