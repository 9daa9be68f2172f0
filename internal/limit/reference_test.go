package limit

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// reference is a token bucket as the books have it, in exact fractions. Places
// that were taken in advance make tokens negative.
type reference struct {
	rate, tokens, burst *big.Rat
	at                  time.Duration
	taken               []bool // in the order of taking; true: for one who waits
	past                int    // of these, the ones from before the bucket was full
}

func rat(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }

func newReference(rate float64, burst int) *reference {
	return &reference{rate: rat(rate), tokens: rat(float64(burst)), burst: rat(float64(burst))}
}

func (r *reference) advance(now time.Duration) {
	dt := new(big.Rat).SetFrac64(int64(now-r.at), 1e9)
	r.at = now
	r.tokens.Add(r.tokens, dt.Mul(dt, r.rate))
	if r.tokens.Cmp(r.burst) >= 0 {
		r.tokens.Set(r.burst)
		r.past = len(r.taken)
	}
}

func (r *reference) take(waits bool) {
	r.tokens.Sub(r.tokens, rat(1))
	r.taken = append(r.taken, waits)
}

// pass is that the first who waits passes.
func (r *reference) pass() { r.taken[slices.Index(r.taken, true)] = false }

// leave is that one of those who wait leaves: those behind move up, and what is
// left over is the last place of all, or it is lost.
func (r *reference) leave() {
	last := len(r.taken) - 1
	for !r.taken[last] {
		last--
	}
	r.taken[last] = false
	if last == len(r.taken)-1 && last >= r.past {
		r.taken = r.taken[:last]
		r.tokens.Add(r.tokens, rat(1))
		r.advance(r.at)
	}
}

func (r *reference) setRate(rate float64, burst int) {
	r.rate, r.burst = rat(rate), rat(float64(burst))
	r.advance(r.at)
}

// due is when the tokens are not negative any more.
func (r *reference) due() float64 {
	missing := new(big.Rat).Neg(r.tokens)
	if missing.Sign() <= 0 {
		return float64(r.at)
	}
	f, _ := missing.Quo(missing, r.rate).Float64()
	return float64(r.at) + f*1e9
}

var (
	someRates  = []float64{1e-6, 1e-3, 0.3, 1, 7, 1000, 1e6, 3e8, 1e9, 1e12}
	someBursts = []int{1, 2, 3, 10, 1000, 1 << 20, math.MaxInt32}
)

// follow does what the bytes say with a limiter and with the reference, and
// fails if they ever disagree.
func follow(t *testing.T, ops []byte) {
	next := func() int {
		if len(ops) == 0 {
			return 0
		}
		b := ops[0]
		ops = ops[1:]
		return int(b)
	}
	var c clock
	perSecond, burst := someRates[next()%len(someRates)], someBursts[next()%len(someBursts)]
	l, ref := New(perSecond, burst, c.now), newReference(perSecond, burst)
	var waiting []*waiter
	// Each change of the limit may round to a unit. From 1e9 a second on that is a
	// token, and what follows cannot be compared.
	slack := 0.0
	for len(ops) > 0 && slack < 0.01 {
		b := l.current.Load()
		unit := 1 / float64(b.one)
		tokens, _ := ref.tokens.Float64()
		switch op := next(); op % 7 {
		case 0, 1: // some time passes: up to 4 tokens'
			dt := float64(next()) / 64 / perSecond * 1e9
			if dt > 1e17 || float64(c.now()) > 1e18 {
				continue
			}
			c.advance(time.Duration(dt))
			ref.advance(c.now())
		case 2, 3:
			can := ref.tokens.Cmp(rat(1)) >= 0
			if math.Abs(tokens-1) <= unit+slack {
				can = l.Allow() // too close for a clock of whole nanoseconds
			} else {
				require.Equal(t, can, l.Allow(), "with %v tokens", tokens)
			}
			if can {
				ref.take(false)
			}
		case 4: // a place in advance
			before := len(waiting)
			w, outcome := l.join(never)
			if outcome == Hopeless {
				continue
			}
			ref.take(w != nil)
			if w == nil {
				require.Zero(t, before)
				require.GreaterOrEqual(t, tokens, 1-unit-slack)
				continue
			}
			waiting = append(waiting, w)
			b = l.current.Load()
			if due := b.due(l.line.taken()[before]); due != never {
				require.InDelta(t, ref.due(), max(float64(due), float64(c.now())), (unit+slack)/perSecond*1e9+2+ref.due()*1e-14)
			}
		case 5:
			switch {
			case op >= 192:
				perSecond, burst = someRates[next()%len(someRates)], someBursts[next()%len(someBursts)]
				l.SetRate(perSecond, burst)
				ref.setRate(perSecond, burst)
				slack += unit + 1/float64(l.current.Load().one)
			case len(waiting) > 0:
				k := next() % len(waiting)
				require.Equal(t, Ended, l.leave(waiting[k], Ended))
				ref.leave()
				waiting = slices.Delete(waiting, k, k+1)
			}
		case 6:
			if len(waiting) > 0 {
				if _, passed := l.look(waiting[0]); passed {
					ref.pass()
					waiting = waiting[1:]
				}
			}
		}
		require.Len(t, l.line.taken(), len(waiting))
		if len(waiting) > 0 {
			require.Same(t, waiting[0], l.line.first)
		}
	}
}

func TestReference(t *testing.T) { atRandom(t, 20_000, 400, 1, follow) }

// atRandom runs f with random operations, n of them in each round.
func atRandom(t *testing.T, rounds, n int, seed uint64, f func(*testing.T, []byte)) {
	if testing.Short() || testx.Race {
		rounds /= 20
	}
	for i := 0; i < rounds; i++ {
		r := rand.New(rand.NewPCG(uint64(i), seed))
		ops := make([]byte, n)
		for k := range ops {
			ops[k] = byte(r.Uint32())
		}
		f(t, ops)
		if t.Failed() {
			t.Fatalf("round %d", i)
		}
	}
}

func FuzzReference(f *testing.F) {
	f.Add([]byte{5, 3, 2, 2, 2, 0, 64, 2, 4, 4, 5, 0, 2})
	f.Add([]byte{9, 0, 4, 4, 4, 5, 0, 197, 0, 6, 0, 128, 2, 2})
	f.Add(binary.LittleEndian.AppendUint64([]byte{0, 6, 4}, 0x0505020204040000))
	f.Fuzz(follow)
}
