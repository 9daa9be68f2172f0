package limit

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// clock is one that the test moves.
type clock struct{ t atomic.Int64 }

func (c *clock) now() time.Duration      { return time.Duration(c.t.Load()) }
func (c *clock) advance(d time.Duration) { c.t.Add(int64(d)) }

// drain takes what is there, on some goroutines at once.
func drain(t testing.TB, l *Limiter, goroutines int) int {
	var passed atomic.Int64
	testx.Join(t, testx.Times(goroutines, func(int) {
		n := int64(0)
		for l.Allow() {
			n++
		}
		passed.Add(n)
	})...)
	return int(passed.Load())
}

// 64 goroutines that take all they can get, at each moment: at every moment, as
// many have passed as the limit allows, not one more and not one less.
func TestExact(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rate  float64
		burst int
		step  time.Duration // a whole number of tokens, and less than a burst
		each  int
	}{
		{"1e-6 a second", 1e-6, 10, 5e6 * time.Second, 5},
		{"3 a second", 3, 10, time.Second, 3},
		{"1,000 a second", 1000, 10, 7 * time.Millisecond, 7},
		{"1e9 a second", 1e9, 1000, 999, 999},
		{"1e12 a second", 1e12, 10_000, 3, 3000},
		{"large bursts", 1e6, 1 << 14, 10 * time.Millisecond, 10_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c clock
			l := New(tt.rate, tt.burst, c.now)
			require.Equal(t, tt.burst, drain(t, l, 64))
			for i := 0; i < 100; i++ {
				c.advance(tt.step)
				require.Equal(t, tt.each, drain(t, l, 64))
			}
			c.advance(1000 * tt.step)
			require.Equal(t, tt.burst, drain(t, l, 64), "no more than a burst is kept")
		})
	}
}

// Bursts and rates that the word is too small for are the largest that fit.
func TestExtremes(t *testing.T) {
	for _, r := range []float64{5e-324, 1e-300, 1e-6, 1, 1e9, 1e12, 1e300, math.MaxFloat64} {
		for _, burst := range []int{1, 2, 1000, math.MaxInt32, math.MaxInt} {
			var c clock
			l := New(r, burst, c.now)
			for round := 0; round < 5; round++ {
				for i := 0; i < min(burst, 100); i++ {
					require.True(t, l.Allow(), "%g %d", r, burst)
				}
				b := l.current.Load()
				require.GreaterOrEqual(t, b.word.Load(), int64(0))
				require.Positive(t, b.one)
				if r < 1 {
					break // time does not bring much
				}
				if round%2 == 0 {
					c.t.Store(int64(b.end) - 1) // V is as high as it gets
				} else {
					c.advance(time.Hour)
				}
			}
			l.join(never)
			require.GreaterOrEqual(t, l.current.Load().word.Load(), int64(0))
		}
	}
}

// When V has come to its end, another bucket goes on, and nothing is gained or
// lost by it.
func TestRenewal(t *testing.T) {
	for _, r := range []float64{1000, 1e9, 1e12} {
		var c clock
		l := New(r, 1<<20, c.now)
		first := l.current.Load()
		c.t.Store(int64(first.end) - 1)
		require.Equal(t, 1<<20, drain(t, l, 8))
		require.Same(t, first, l.current.Load())
		tokens := 1000
		c.advance(time.Duration(float64(tokens) / r * 1e9))
		require.Equal(t, tokens, drain(t, l, 8))
		require.NotSame(t, first, l.current.Load())
		w, _ := l.join(never)
		require.Same(t, w, l.line.first)
	}
}

// SetRate, again and again, while others take and give back. The clock stands
// still, so what passes is what was there.
func TestNothingIsGainedByAChange(t *testing.T) {
	const tokens = 500
	change := func(l *Limiter) func() {
		return func() {
			for i := 0; i < 50; i++ {
				l.SetRate(math.Pow(10, float64(i%12)-3), tokens+i)
			}
		}
	}
	for round := 0; round < 200; round++ {
		var c clock
		l := New(10, tokens, c.now)
		var passed atomic.Int64
		take := func(int) {
			for l.Allow() {
				passed.Add(1)
			}
		}
		testx.AtOnce(t, append(testx.Times(4, take), change(l))...)
		require.EqualValues(t, tokens, passed.Load())

		// Those who wait and leave, in any order, leave no trace.
		l = New(10, tokens, c.now)
		l.join(never)
		require.Nil(t, l.line.first, "there is a token")
		for l.Allow() {
		}
		wait := func(int) {
			first, _ := l.join(never)
			second, _ := l.join(never)
			l.leave(first, Ended)
			l.leave(second, Ended)
		}
		testx.AtOnce(t, append(testx.Times(4, wait), change(l))...)
		require.Nil(t, l.line.last)
		require.Empty(t, l.line.taken())
		l.SetRate(1e9, tokens)
		c.advance(tokens)
		require.Equal(t, tokens, drain(t, l, 4))
	}
}

// The two rivals, interleaved by -count: x/time/rate is what this package has to
// be three times faster than.
func BenchmarkAllow(b *testing.B) {
	for _, c := range []struct {
		name  string
		rate  float64
		burst int
	}{{"passes", 1e12, 1 << 30}, {"refused", 1e-3, 1}, {"most-refused", 1e6, 100}} {
		for _, impl := range []struct {
			name string
			l    interface{ Allow() bool }
		}{
			{"x-time", rate.NewLimiter(rate.Limit(c.rate), c.burst)},
			{"sparkpipe", New(c.rate, c.burst, nil)},
		} {
			b.Run("shape="+c.name+"/goroutines=8/impl="+impl.name, func(b *testing.B) {
				b.ReportAllocs()
				var wg sync.WaitGroup
				for g := 0; g < 8; g++ {
					wg.Add(1)
					go func() {
						defer wg.Done()
						for i := g; i < b.N; i += 8 {
							impl.l.Allow()
						}
					}()
				}
				wg.Wait()
			})
		}
	}
}

// A tick that ends a wait is not lost, although the wait has got its token at the
// same time: whoever waits under the same timer next would wait forever.
func TestTickIsNotLost(t *testing.T) {
	var block atomic.Bool
	in, out := make(chan bool), make(chan bool)
	base := time.Now()
	l := New(1, 1, func() time.Duration {
		if block.CompareAndSwap(true, false) {
			in <- true
			<-out
		}
		return time.Since(base)
	})
	require.True(t, l.Allow())
	expired := make(chan time.Time, 1)
	outcome := testx.Park(t, func() Outcome { return l.Wait(bg, time.Hour, expired, nil) })
	block.Store(true)
	go l.SetRate(0, 1) // it lets all pass, and stops while it has the lock
	<-in
	expired <- time.Now()
	testx.Eventually(t, func() bool { return len(expired) == 0 }, "the tick is received")
	out <- true
	require.Equal(t, Expired, testx.Recv(t, outcome))
}

// Waiting allocates nothing, once there are waiters.
func TestWaitAllocates(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	l := New(1e5, 1, nil)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if l.Wait(bg, time.Hour, nil, nil) != Passed {
			panic("it did not pass")
		}
	}))
}

// Who waits for what is gone leaves as if it had not come.
func TestGone(t *testing.T) {
	l := New(1e-3, 1, nil)
	require.True(t, l.Allow())
	gone := make(chan struct{})
	first := testx.Park(t, func() Outcome { return l.Wait(bg, time.Hour, nil, gone) })
	second := testx.Park(t, func() Outcome { return l.Wait(bg, time.Hour, nil, nil) })
	close(gone)
	require.Equal(t, Gone, testx.Recv(t, first))
	require.Len(t, l.line.taken(), 1)
	l.SetRate(0, 1)
	require.Equal(t, Passed, testx.Recv(t, second))
	require.Empty(t, l.line.taken())
}

// badDone is a ctx whose Done panics.
type badDone struct{ context.Context }

func (badDone) Done() <-chan struct{} { panic("Done") }

// Who cannot wait is in no line.
func TestWaitUnderACtxThatPanics(t *testing.T) {
	var c clock
	l := New(1, 1, c.now)
	require.True(t, l.Allow())
	require.Panics(t, func() { l.Wait(badDone{bg}, time.Hour, nil, nil) })
	require.Nil(t, l.line.first)
	c.advance(time.Second)
	require.True(t, l.Allow())
}
