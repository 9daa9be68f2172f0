//go:build yieldhooks && !modelcheck

// Package atomic under the tag yieldhooks: sync/atomic with a chance to yield
// the processor after every operation. A goroutine then stops now and then
// where it hardly ever does otherwise, between two steps of a protocol (a cell
// that is claimed and not published, a waiter that is listed and not asleep),
// for as long as others have something to do. It is for the tests of
// internal/lincheck, which look at what the others make of that.
package atomic

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
)

// oneIn is the chance that an operation is followed by a yield.
const oneIn = 4

// hook is called after each operation.
func hook() {
	if rand.Uint32N(oneIn) == 0 {
		runtime.Gosched()
	}
}

// Uint32 is sync/atomic.Uint32 with the hook.
type Uint32 struct{ v atomic.Uint32 }

func (a *Uint32) Load() uint32 {
	defer hook()
	return a.v.Load()
}

func (a *Uint32) Store(v uint32) {
	defer hook()
	a.v.Store(v)
}

// Uint64 is sync/atomic.Uint64 with the hook.
type Uint64 struct{ v atomic.Uint64 }

func (a *Uint64) Load() uint64 {
	defer hook()
	return a.v.Load()
}

func (a *Uint64) Store(v uint64) {
	defer hook()
	a.v.Store(v)
}

func (a *Uint64) Add(d uint64) uint64 {
	defer hook()
	return a.v.Add(d)
}

func (a *Uint64) Swap(v uint64) uint64 {
	defer hook()
	return a.v.Swap(v)
}

func (a *Uint64) CompareAndSwap(old, v uint64) bool {
	defer hook()
	return a.v.CompareAndSwap(old, v)
}

// Int64 is sync/atomic.Int64 with the hook.
type Int64 struct{ v atomic.Int64 }

func (a *Int64) Load() int64 {
	defer hook()
	return a.v.Load()
}

func (a *Int64) Store(v int64) {
	defer hook()
	a.v.Store(v)
}

func (a *Int64) Swap(v int64) int64 {
	defer hook()
	return a.v.Swap(v)
}

func (a *Int64) CompareAndSwap(old, v int64) bool {
	defer hook()
	return a.v.CompareAndSwap(old, v)
}

// Pointer is sync/atomic.Pointer with the hook.
type Pointer[T any] struct{ v atomic.Pointer[T] }

func (a *Pointer[T]) Load() *T {
	defer hook()
	return a.v.Load()
}

func (a *Pointer[T]) Store(v *T) {
	defer hook()
	a.v.Store(v)
}

// Relax yields: it waits for one step of another goroutine.
func Relax(int) { runtime.Gosched() }
