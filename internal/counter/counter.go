// Package counter counts events of hot paths without making the goroutines
// that count fight over one cache line.
package counter

import (
	"sync/atomic"
	"unsafe"

	"github.com/sparkpipe/sparkpipe/internal/pad"
)

const (
	// Stripes is how many stripes there are.
	Stripes = 8
	// PerSet is how many counters a Set holds: as many as fill a cache line.
	PerSet = 16
)

// Set is up to PerSet counters, striped. The zero value is ready. A Set must
// not be copied and may be shared.
type Set struct {
	_      pad.Line
	stripe [Stripes]struct {
		n [PerSet]atomic.Uint64
	}
	_ pad.Line
}

// Add adds n to counter i. It never blocks.
func (s *Set) Add(i int, n uint64) { s.stripe[Stripe()].n[i].Add(n) }

// Stripe returns which of Stripes stripes the calling goroutine writes. It is a
// hint: it may be another one the next time.
func Stripe() uint {
	// The stack of a goroutine is its own, so an address on it spreads
	// goroutines over the stripes for the price of a multiplication. A
	// goroutine whose stack moves only changes its stripe.
	var here byte
	h := uint64(uintptr(unsafe.Pointer(&here))) >> 11
	h *= 0x9E3779B97F4A7C15 // Fibonacci hashing: the top bits are well mixed
	return uint(h >> 61)
}

// Load returns counter i: every Add that happened before is in it, one that
// runs at the same time may be.
func (s *Set) Load(i int) uint64 {
	var sum uint64
	for k := range s.stripe {
		sum += s.stripe[k].n[i].Load()
	}
	return sum
}
