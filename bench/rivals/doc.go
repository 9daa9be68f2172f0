// Package rivals compares this module with what others have written for the
// same work: queues, ways to ask a goroutine and wait for its reply, and worker
// pools. The rivals are in the plain files and the benchmarks in the test files;
// README.md says what each rival cannot do and what went wrong with it, and
// the command in observe shows that.
//
//	go test -bench .
//
// Each benchmark has a plain channel and this module beside the rivals, does
// the same work on every side, and checks at its end that all of it was done.
package rivals
