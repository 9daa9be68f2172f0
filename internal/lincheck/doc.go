// Package lincheck has no code: its tests, built with the tag yieldhooks, look
// for histories that are not linearizable. `make linearize` runs them.
//
// In each round, some goroutines use one object at random and note when each
// operation began, when it ended, and its answer. The object is right if there
// is an order of the operations, each at one moment between its beginning and
// its end, in which a plain sequential object gives the same answers (Herlihy
// and Wing, "Linearizability", TOPLAS 1990). The search for that order is
// porcupine's (https://github.com/anishathalye/porcupine), which is why this is
// a module of its own.
//
// A round is a few microseconds long, and goroutines are rarely preempted in
// that time. So the tag yieldhooks makes every operation of internal/atomic a
// place where one may be (internal/atomic/atomic_yield.go): between claiming a
// cell and publishing it, say. How much that matters is part of the test: the
// textbook ring, which is known not to be linearizable, has to be found.
package lincheck
