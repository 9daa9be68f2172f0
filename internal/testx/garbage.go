package testx

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Value is something that the collector can take.
type Value [64]byte

// Garbage makes values and sees whether somebody keeps them alive.
type Garbage struct {
	made, taken atomic.Int64
}

// New returns a new value.
func (g *Garbage) New() *Value {
	g.made.Add(1)
	v := new(Value)
	runtime.SetFinalizer(v, func(*Value) { g.taken.Add(1) })
	return v
}

// Collected fails the test if any value is still alive.
func (g *Garbage) Collected(tb testing.TB) {
	tb.Helper()
	// What is garbage is collected within milliseconds; what is not costs a mutant's
	// test all of this.
	for deadline := time.Now().Add(min(patience(tb)/6, 10*time.Second)); g.taken.Load() < g.made.Load(); runtime.Gosched() {
		if time.Now().After(deadline) {
			tb.Fatalf("only %d of %d values are garbage", g.taken.Load(), g.made.Load())
		}
		runtime.GC()
	}
}
