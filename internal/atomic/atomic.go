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

// spins is how many times Relax returns at once before it yields. What is
// waited for with Relax is the very next step of a goroutine that is most
// likely running on another core, some tens of nanoseconds away; if it was
// preempted there, only yielding helps.
const spins = 8

// Relax is called in a loop that waits for one step of another goroutine; i
// counts the rounds. It never sleeps: the first rounds return at once, later
// ones yield the processor.
func Relax(i int) {
	if i >= spins {
		runtime.Gosched()
	}
}
