//go:build modelcheck

// Package atomic under the tag modelcheck: every operation is a scheduling
// point of the explorer in internal/model. sync/atomic is sequentially
// consistent, so exploring the interleavings of these points explores every
// behaviour of code that shares only through them; what is shared through
// plain fields is the race detector's part.
package atomic

import "github.com/sparkpipe/sparkpipe/internal/model"

// Uint32 stands in for sync/atomic.Uint32.
type Uint32 struct{ v uint32 }

func (a *Uint32) Load() uint32   { return load(&a.v) }
func (a *Uint32) Store(v uint32) { swap(&a.v, v) }

// Uint64 stands in for sync/atomic.Uint64.
type Uint64 struct{ v uint64 }

func (a *Uint64) Load() uint64         { return load(&a.v) }
func (a *Uint64) Store(v uint64)       { swap(&a.v, v) }
func (a *Uint64) Swap(v uint64) uint64 { return swap(&a.v, v) }

func (a *Uint64) CompareAndSwap(old, v uint64) bool { return compareAndSwap(&a.v, old, v) }

func (a *Uint64) Add(d uint64) uint64 {
	model.Before()
	a.v += d
	v := a.v
	model.Changed()
	model.After()
	return v
}

// Int64 stands in for sync/atomic.Int64.
type Int64 struct{ v int64 }

func (a *Int64) Load() int64        { return load(&a.v) }
func (a *Int64) Store(v int64)      { swap(&a.v, v) }
func (a *Int64) Swap(v int64) int64 { return swap(&a.v, v) }

func (a *Int64) CompareAndSwap(old, v int64) bool { return compareAndSwap(&a.v, old, v) }

// Pointer stands in for sync/atomic.Pointer.
type Pointer[T any] struct{ v *T }

func (a *Pointer[T]) Load() *T   { return load(&a.v) }
func (a *Pointer[T]) Store(v *T) { swap(&a.v, v) }

func load[T any](p *T) T {
	model.Before()
	v := *p
	model.After()
	return v
}

func swap[T any](p *T, v T) T {
	model.Before()
	old := *p
	*p = v
	model.Changed()
	model.After()
	return old
}

func compareAndSwap[T comparable](p *T, old, v T) bool {
	model.Before()
	same := *p == old
	if same {
		*p = v
		model.Changed()
	}
	model.After()
	return same
}

// Relax waits until the shared state changes.
func Relax(int) { model.Yield() }
