//go:build !modelcheck && !yieldhooks

// Package atomic is sync/atomic for the lock-free files of this module: in a
// normal build its types are aliases and cost nothing. Built with the tag
// modelcheck, the same names are scheduling points of the explorer in
// internal/model, so that what is checked is the source that ships.
package atomic

import (
	"runtime"
	"sync/atomic"
)

type (
	// Uint32 is sync/atomic.Uint32.
	Uint32 = atomic.Uint32
	// Uint64 is sync/atomic.Uint64.
	Uint64 = atomic.Uint64
	// Int64 is sync/atomic.Int64.
	Int64 = atomic.Int64
)

// Pointer is sync/atomic.Pointer: an alias with a type parameter is for Go 1.24.
type Pointer[T any] struct{ atomic.Pointer[T] }

// What is waited for with Relax is the very next step of a goroutine that is most
// likely running on another core, some tens of nanoseconds away: spins times Relax
// returns at once. If the goroutine was preempted there, yielding helps. If it is
// its thread that was preempted, for milliseconds, by another program or because
// the container may use no more, only this thread's processor helps: to yield keeps that.
const (
	spins  = 8
	yields = 64 // so many rounds, some 10 microseconds
)

// Relax is called in a loop that waits for one step of another goroutine; i
// counts the rounds. The first rounds return at once, some more yield to other
// goroutines, and later ones sleep.
func Relax(i int) {
	switch {
	case i >= yields:
		nap()
	case i >= spins:
		runtime.Gosched()
	}
}
