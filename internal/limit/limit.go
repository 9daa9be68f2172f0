// Package limit is a rate limit that many goroutines pass without a lock: a
// token bucket as the generic cell rate algorithm, GCRA, in one atomic word.
//
// A bucket that is filled at a rate and holds burst tokens at most is the
// same as a clock V, which counts the tokens that time has brought, and a word
// N, which is the reading of V at which all that was taken will have been
// brought. Taking a token is
//
//	n = max(N, V) + 1    what time brought and nobody took is lost,
//	n <= V + burst       but for a burst,
//
// and one compare-and-swap of N. Who waits takes a place in advance, without the
// second line: its token is there when V reaches n - burst. Each place advances N,
// so that nobody who takes what is there gets in front of those who wait.
//
// V is a function of the time alone and nothing adds up over time: in any
// window, however old the limiter is, no more pass than burst and what the rate
// brings in the window. V is rounded to a unit of the word; newBucket says how
// long a unit is.
//
// Sources: ITU-T Recommendation I.371 and ATM Forum, Traffic Management
// Specification 4.0 (1996), section 4.4.2: GCRA as virtual scheduling. There the
// word is a time; here it is tokens, so that no rate has to be rounded to whole
// nanoseconds for a token.
package limit

import (
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

// MaxRate is the highest rate, in tokens a second. Higher ones are taken for it;
// nobody can tell the difference at a thousand tokens a nanosecond.
const MaxRate = 1e12

// Limiter is a rate limit that can be changed while it is used. Use New. It may
// be shared.
type Limiter struct {
	current atomic.Pointer[bucket]
	now     func() time.Duration

	mu   park.Mutex // of those who replace the bucket, and of those who wait
	line line

	waiters sync.Pool // of *waiter
}

// New returns a limiter with a full bucket. rate, in tokens a second, must be a
// number and not negative; 0 is no limit. burst must be at least 1; above 2^61 it
// is taken for 2^61. now is a clock that does not go back and does not come
// near its end, 292 years; nil: the system's monotonic one.
func New(rate float64, burst int, now func() time.Duration) *Limiter {
	if now == nil {
		base := time.Now()
		now = func() time.Duration { return time.Since(base) }
	}
	l := &Limiter{now: now}
	l.current.Store(newBucket(rate, burst, now()))
	return l
}

// Allow takes a token if there is one. It does not wait for one.
func (l *Limiter) Allow() bool {
	for {
		b := l.current.Load()
		if b.free {
			return true
		}
		now := l.now()
		if now >= b.end {
			l.renew(b)
			continue
		}
		switch v := b.level(now); b.take(v, v+b.burst) {
		case refused:
			return false
		case frozen:
			l.settle()
		default:
			return true
		}
	}
}

// settle waits until who is in replace is through: some microseconds.
func (l *Limiter) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
}

// SetRate changes the limit; the arguments are those of New. The tokens that are
// there stay, up to the new burst. Those who wait go on by the new rate, in their
// order. When there was no limit before, the bucket is full.
func (l *Limiter) SetRate(rate float64, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replace(l.current.Load(), rate, burst)
}

// renew replaces b, whose V has come to the end of what it can count.
func (l *Limiter) renew(b *bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b == l.current.Load() { // nobody was faster
		l.replace(b, b.perSecond, b.tokens)
	}
}

// replace puts another bucket in the place of b, the current one. l.mu is held.
//
// The swap freezes b and says how far it came. What was taken before is in the
// next bucket, and from b nothing is taken afterwards: no token is lost, and none
// is taken twice.
func (l *Limiter) replace(b *bucket, rate float64, burst int) {
	next := newBucket(rate, burst, l.now())
	v := int64(farthest) // when nobody came for long, V is past what it can count
	if float64(next.start-b.start)*b.rate < farthest {
		v = b.level(next.start)
	}
	if n := b.word.Swap(frozen); !b.free && !next.free {
		// No more than a burst is kept, by the old one and by the new.
		next.word.Store(max(b.scaled(max(n, v), v, next), 0))
		places := l.line.taken()
		for i, place := range places {
			places[i] = -1 // due, and the bucket is full all the same: nothing to give back
			if n > v {
				places[i] = b.scaled(place, v, next)
			}
		}
	}
	l.line.changed(next)
	l.current.Store(next)
}
