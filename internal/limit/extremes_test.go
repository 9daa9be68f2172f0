package limit

import (
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	extremeRates  = []float64{0, 5e-324, 1e-300, 1e-9, 1e-3, 1, 7, 1e6, 3e8, 1e9, 3e10, 1e12, 1e300, math.MaxFloat64}
	extremeBursts = []int{1, 2, 3, 1000, 1 << 20, math.MaxInt32, math.MaxInt}
)

// beside is a limiter beside the reference. Where rates and bursts are extreme,
// the limiter rounds; slack is by how many tokens the two may differ for that, so
// each answer is held to what the reference has, give or take slack.
type beside struct {
	t     *testing.T
	c     clock
	l     *Limiter
	b     *bucket // the limiter's, when slack was reckoned
	ref   *reference
	free  bool
	slack float64
	line  []*waiter
}

func within(burst int) int { return int(min(int64(burst), largest)) }

func unit(b *bucket) float64 { return 1 / float64(b.one) }

func (s *beside) limit(rate float64, burst int) {
	s.free = rate == 0
	at := s.c.now()
	if s.ref == nil || s.ref.rate.Sign() == 0 || s.free {
		s.ref = newReference(min(rate, MaxRate), within(burst))
		s.ref.at, s.slack = at, 0
		return
	}
	s.ref.setRate(min(rate, MaxRate), within(burst))
}

// changed adds to slack what the limiter rounds when it replaces its bucket, and
// returns the slack of its present answers.
func (s *beside) changed() float64 {
	b := s.l.current.Load()
	if b != s.b {
		if !s.b.free && !b.free {
			brought := float64(b.start-s.b.start) * s.b.perSecond / 1e9
			s.slack += 2*unit(s.b) + 2*unit(b) + min(brought, largest)*0x1p-51
		}
		s.b = b
		s.line = slices.DeleteFunc(s.line, func(w *waiter) bool {
			if w.out && w.outcome == Hopeless { // its time is up before its token comes
				s.ref.leave()
			} else if w.out {
				require.True(s.t, b.free)
				require.Equal(s.t, Passed, w.outcome)
			}
			return w.out
		})
	}
	if b.free {
		return 0
	}
	return s.slack + 2*unit(b)
}

// after returns how many tokens there would be after d, were there no burst.
func (s *beside) after(d time.Duration) float64 {
	more := new(big.Rat).SetFrac64(int64(d), 1e9)
	f, _ := more.Mul(more, s.ref.rate).Add(more, s.ref.tokens).Float64()
	return f
}

func (s *beside) advance(d time.Duration) {
	if d > 1<<62-s.c.now() {
		return // two lifetimes of a machine
	}
	burst, _ := s.ref.burst.Float64()
	full := s.after(d)-s.changed() > burst
	s.c.advance(d)
	s.ref.advance(s.c.now())
	if full {
		s.slack = 0 // both are full
	}
}

func (s *beside) allow() {
	passed := s.l.Allow()
	slack := s.changed()
	if s.free {
		require.True(s.t, passed)
		return
	}
	if tokens := s.after(0); passed {
		require.GreaterOrEqual(s.t, tokens+slack, 1.0, "passed")
		s.ref.take(false)
	} else {
		require.Less(s.t, tokens-slack, 1.0, "refused")
	}
}

// join lines up for at most longest.
func (s *beside) join(longest time.Duration) {
	w, outcome := s.l.join(longest)
	slack := s.changed()
	if s.free {
		require.Nil(s.t, w)
		require.Equal(s.t, Passed, outcome)
		return
	}
	then := s.after(min(longest, never-s.c.now()))
	slack += math.Abs(then) * 0x1p-51
	switch {
	case w == nil && outcome == Passed:
		require.Empty(s.t, s.line)
		require.GreaterOrEqual(s.t, s.after(0)+slack, 1.0, "passed at once")
		s.ref.take(false)
	case w == nil && longest < 1<<58: // else it may be for decades
		require.Less(s.t, then-slack, 1.0, "hopeless in %v at %v", longest, s.c.now())
	case w != nil:
		require.GreaterOrEqual(s.t, then+slack, 1.0, "not hopeless")
		s.line = append(s.line, w)
		s.ref.take(true)
	}
}

func (s *beside) leave(k int) {
	require.Equal(s.t, Ended, s.l.leave(s.line[k], Ended))
	s.line = slices.Delete(s.line, k, k+1)
	s.ref.leave()
}

// look has the first of the line look.
func (s *beside) look() {
	_, passed := s.l.look(s.line[0])
	behind := float64(len(s.line) - 1)
	slack := s.changed() + math.Ldexp(math.Abs(s.after(0)), -51)
	if passed {
		require.GreaterOrEqual(s.t, s.after(0)+behind+slack, 0.0, "the first passed")
		s.ref.pass()
		s.line = s.line[1:]
	} else {
		require.Less(s.t, s.after(0)+behind-slack, 0.0, "the first waits")
	}
}

func (s *beside) setRate(rate float64, burst int) {
	s.l.SetRate(rate, burst)
	s.changed()
	s.limit(rate, burst)
}

// followExtremes does what the bytes say.
func followExtremes(t *testing.T, ops []byte) {
	next := func() int {
		if len(ops) == 0 {
			return 0
		}
		b := ops[0]
		ops = ops[1:]
		return int(b)
	}
	s := &beside{t: t}
	limits := func() (float64, int) {
		return extremeRates[next()%len(extremeRates)], extremeBursts[next()%len(extremeBursts)]
	}
	rate, burst := limits()
	s.l = New(rate, burst, s.c.now)
	s.b = s.l.current.Load()
	s.limit(rate, burst)
	for n := 0; len(ops) > 0 && n < 500; n++ {
		switch op := next(); op % 8 {
		case 0:
			s.advance(time.Duration(next()))
		case 1:
			s.advance(1 << (next() % 63))
		case 2, 3:
			s.allow()
		case 4:
			longest := never
			if n := next(); n < 192 {
				longest = 1 << (n % 63)
			}
			if len(s.line) < 20 {
				s.join(longest)
			}
		case 5:
			if len(s.line) > 0 {
				s.leave(next() % len(s.line))
			}
		case 6:
			if len(s.line) > 0 {
				s.look()
			}
		case 7:
			rate, burst := limits()
			s.setRate(rate, burst)
		}
		require.Len(t, s.l.line.taken(), len(s.line))
		require.GreaterOrEqual(t, s.l.current.Load().word.Load(), int64(0))
	}
}

// After months without anybody a bucket is full, at any rate, and stays so when the
// rate is changed then.
func TestIdleForLong(t *testing.T) {
	for _, r := range extremeRates[4:] {
		for _, next := range []float64{r, 1e3, 1e12} {
			for _, idle := range []time.Duration{1 << 48, 1 << 54, 1 << 58, 1 << 61} {
				var c clock
				l := New(r, 10, c.now)
				require.True(t, l.Allow())
				c.advance(idle)
				if next != r {
					l.SetRate(next, 10)
				}
				require.Equal(t, 10, drain(t, l, 1), "%g a second, and then %g, after %v", r, next, idle)
			}
		}
	}
}

func TestExtremeReference(t *testing.T) { atRandom(t, 5000, 200, 2, followExtremes) }

func FuzzExtremes(f *testing.F) {
	f.Add([]byte{11, 0, 2, 1, 60, 2, 2, 1, 62, 2})
	f.Add([]byte{4, 2, 2, 2, 2, 4, 255, 4, 20, 1, 40, 6, 7, 12, 6, 5, 0, 2})
	f.Add([]byte{1, 6, 2, 4, 255, 7, 0, 0, 2, 7, 9, 1, 2, 2})
	f.Fuzz(followExtremes)
}
