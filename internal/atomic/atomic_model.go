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

func (a *Uint32) Load() uint32   { model.Point(); return a.v }
func (a *Uint32) Store(v uint32) { model.Point(); a.v = v; model.Changed() }

func (a *Uint32) CompareAndSwap(old, v uint32) bool {
	model.Point()
	if a.v != old {
		return false
	}
	a.v = v
	model.Changed()
	return true
}

// Uint64 stands in for sync/atomic.Uint64.
type Uint64 struct{ v uint64 }

func (a *Uint64) Load() uint64   { model.Point(); return a.v }
func (a *Uint64) Store(v uint64) { model.Point(); a.v = v; model.Changed() }

func (a *Uint64) Add(d uint64) uint64 {
	model.Point()
	a.v += d
	model.Changed()
	return a.v
}

func (a *Uint64) Swap(v uint64) uint64 {
	model.Point()
	old := a.v
	a.v = v
	model.Changed()
	return old
}

func (a *Uint64) CompareAndSwap(old, v uint64) bool {
	model.Point()
	if a.v != old {
		return false
	}
	a.v = v
	model.Changed()
	return true
}

// Relax waits until the shared state changes.
func Relax(int) { model.Yield() }
