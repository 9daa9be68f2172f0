// Package hist records durations from many goroutines and tells their
// distribution, with a bounded relative error.
package hist

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/counter"
	"github.com/sparkpipe/sparkpipe/internal/pad"
)

const (
	// Error bounds the relative error of what a Snapshot says of one duration
	// and of a quantile: 1/32, 3.1 %. Durations below 32 ns are exact.
	Error = 1.0 / (2 * steps)

	// Buckets is how many buckets there are: every duration is in one.
	Buckets = (64 - stepBits) * steps

	stepBits = 4
	steps    = 1 << stepBits // buckets for each power of 2
)

// Histogram counts durations in buckets: 16 of the same width for each power of 2
// nanoseconds, as in HdrHistogram (http://hdrhistogram.org). The zero value is
// ready. It may be shared and must not be copied.
//
// It is striped, so that goroutines that record at the same time seldom write the
// same cache line. A stripe is allocated, 8 KB, by the first that comes to it;
// afterwards nothing is.
type Histogram struct {
	stripes [counter.Stripes]atomic.Pointer[stripe]
}

type stripe struct {
	n   [Buckets]atomic.Uint64
	sum atomic.Uint64 // nanoseconds; what a snapshot cannot tell from the buckets
	_   pad.Line
}

// Record adds d; negative is 0. It does not block.
func (h *Histogram) Record(d time.Duration) {
	v := uint64(max(d, 0))
	s := h.stripes[counter.Stripe()].Load()
	if s == nil {
		s = h.grow()
	}
	s.n[bucket(v)].Add(1)
	if s.sum.Add(v) > math.MaxInt64 {
		s.sum.Store(math.MaxInt64 + 1) // it stays there, before it wraps
	}
}

// grow returns a stripe of this goroutine's, and makes it if there is none.
func (h *Histogram) grow() *stripe {
	p := &h.stripes[counter.Stripe()]
	p.CompareAndSwap(nil, new(stripe)) // or somebody was faster
	return p.Load()
}

// bucket returns the bucket of v.
func bucket(v uint64) int {
	if v < steps {
		return int(v)
	}
	e := bits.Len64(v) - 1 - stepBits
	return e<<stepBits + int(v>>e) // v>>e is in [steps, 2*steps)
}

// bounds returns the least and the greatest value of a bucket.
func bounds(i int) (low, high uint64) {
	if i < 2*steps {
		return uint64(i), uint64(i)
	}
	e := i>>stepBits - 1
	low = uint64(steps+i&(steps-1)) << e
	return low, low + 1<<e - 1
}

// Snapshot is what a Histogram had recorded at some time. The zero value is
// empty. It is large: pass it by pointer.
type Snapshot struct {
	Counts [Buckets]uint64
	Count  uint64        // the sum of Counts
	Sum    time.Duration // exact, up to the longest Duration there is; of all durations
}

// AddTo adds what h has recorded to s, which may have that of other histograms, too.
// Each Record that happened before is in it; one that runs at the same time may be,
// with its count or its sum alone too.
func (h *Histogram) AddTo(s *Snapshot) {
	for i := range h.stripes {
		p := h.stripes[i].Load()
		if p == nil {
			continue
		}
		s.Sum = time.Duration(min(uint64(s.Sum)+min(p.sum.Load(), math.MaxInt64), math.MaxInt64))
		for k := range p.n {
			n := p.n[k].Load()
			s.Counts[k] += n
			s.Count += n
		}
	}
}

// Quantile returns a duration that the share q of all does not exceed: one that
// differs by no more than Error from the greatest of the ceil(q*Count) shortest,
// and of the shortest one if q is 0 or less. With nothing recorded it is 0.
func (s *Snapshot) Quantile(q float64) time.Duration {
	if s.Count == 0 {
		return 0
	}
	rank := uint64(1)
	if q > 0 { // not NaN
		rank = min(max(uint64(math.Ceil(min(q, 1)*float64(s.Count))), 1), s.Count)
	}
	for i, n := range s.Counts {
		if n >= rank {
			return middle(i)
		}
		rank -= n
	}
	return 0 // not reached: rank is at most the sum of all
}

// middle is what stands for all values of a bucket.
func middle(i int) time.Duration {
	low, high := bounds(i)
	return time.Duration(low + (high-low)/2)
}

// Each calls f with each bucket that is not empty, from the shortest durations
// up: the greatest duration that is in it, and how many are.
func (s *Snapshot) Each(f func(most time.Duration, n uint64)) {
	for i, n := range s.Counts {
		if n > 0 {
			_, high := bounds(i)
			f(time.Duration(high), n)
		}
	}
}
