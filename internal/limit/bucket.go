package limit

import (
	"math"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/pad"
)

// bucket is a limiter between two changes of its rate. Its word is one of
//
//	open     0 or more: N, in units
//	frozen   replaced; what comes is for the next bucket
//
// and what moves it is
//
//	open -> open      take, by compare-and-swap; and giveBack, which undoes the last take
//	open -> frozen    replace, by a swap, under the limiter's lock
type bucket struct {
	perSecond float64
	tokens    int
	free      bool // there is no limit; nothing below is used

	rate  float64       // units a nanosecond
	one   int64         // units a token
	burst int64         // in units
	start time.Duration // V is 0
	end   time.Duration // up to here V can count

	// All that is above is only read while goroutines fight for the word.
	_    pad.Line
	word atomic.Int64
	_    pad.Line
}

const (
	frozen  = -1 // of word, and of take
	refused = -2 // of take

	exact    = 1 << 51 // up to here float64 tells halves and more
	largest  = 1 << 61 // a burst, in units
	farthest = 1 << 62 // a place: decades ahead
	never    = time.Duration(math.MaxInt64)
)

// newBucket chooses the unit: 2^-k of a token for the smallest k with which a
// unit comes in a nanosecond at most; k is 0 for a rate of 1e9 a second and
// more, at most 50, and smaller if the burst would not fit else. So V is right to
// half a nanosecond, but at rates below 1e-6 a second or with a burst of more
// than 2^61 units, where it is right to half of 2^-k tokens.
func newBucket(rate float64, burst int, start time.Duration) *bucket {
	b := &bucket{perSecond: rate, tokens: burst, start: start, end: never}
	if rate == 0 {
		b.free = true
		return b
	}
	rate = min(rate, MaxRate)
	b.one = 1
	b.burst = min(int64(burst), largest)
	for b.one < 1<<50 && float64(b.one)*rate < 1e9 && b.burst <= largest/2 {
		b.one *= 2
		b.burst *= 2
	}
	b.rate = rate * float64(b.one) / 1e9
	b.end = start + time.Duration(exact/max(b.rate, 1)) // 26 days and more up to 1e9 a second, 38 minutes at MaxRate
	return b
}

// level returns V.
func (b *bucket) level(now time.Duration) int64 {
	return int64(math.Floor(float64(now-b.start)*b.rate + 0.5))
}

// take takes a token, perhaps in advance, if its place is not after most, and returns its
// place, refused or frozen; v is V. Of two goroutines that read the clock in one
// order and come here in the other one, the later is only refused sooner.
func (b *bucket) take(v, most int64) int64 {
	for { // each round that fails, another goroutine's has succeeded
		n := b.word.Load()
		if n == frozen {
			return frozen
		}
		m := max(n, v) + b.one
		if m > most {
			return refused
		}
		if b.word.CompareAndSwap(n, m) {
			return m
		}
	}
}

// most returns the last place that is due at the time at.
func (b *bucket) most(at time.Duration) int64 {
	if float64(at-b.start)*b.rate >= farthest-largest {
		return farthest
	}
	return b.level(at) + b.burst
}

// due returns when the token with the place n is there.
func (b *bucket) due(n int64) time.Duration {
	units := n - b.burst
	if units <= 0 {
		return b.start
	}
	after := math.Ceil((float64(units) - 0.5) / b.rate)
	if after >= float64(never-b.start)/2 {
		return never
	}
	at := b.start + time.Duration(after)
	for b.level(at) < units { // the division was rounded
		at++
	}
	return at
}

// giveBack undoes the taking of the place n, if it is the last one that was taken;
// then what comes is as if it had never been.
func (b *bucket) giveBack(n int64) { b.word.CompareAndSwap(n, max(n-b.one, 0)) }

// scaled returns the reading in next of n in b: it is as many tokens ahead of what
// is there when next begins and V is v. Units of different sizes are powers of 2
// apart.
func (b *bucket) scaled(n, v int64, next *bucket) int64 {
	ahead := n - v - b.burst
	if b.one >= next.one {
		k := b.one / next.one
		if ahead > 0 {
			ahead += k - 1 // rounded up: never early
		}
		return ahead/k + next.burst
	}
	k := next.one / b.one
	return min(max(ahead, -largest/k), largest/k)*k + next.burst
}
