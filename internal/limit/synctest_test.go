//go:build go1.25

// A bubble needs the timers of Go 1.23, and go.mod says 1.22.
//go:debug asynctimerchan=0

package limit

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// 64 goroutines pass all they can, for 24 hours: what passes is what the limit
// allows, to one burst at the end and at any time before.
func TestADay(t *testing.T) {
	day := 24 * time.Hour
	if testing.Short() || testx.Race {
		day /= 24
	}
	const rate, burst = 1000, 10
	synctest.Test(t, func(t *testing.T) {
		l := New(rate, burst, nil)
		start := time.Now()
		var passed atomic.Int64
		allowed := func() int64 { return burst + int64(time.Since(start)*rate/time.Second) }
		var wg sync.WaitGroup
		for g := 0; g < 64; g++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				r := rand.New(rand.NewPCG(uint64(g), 1))
				for time.Since(start) < day {
					for l.Allow() {
						passed.Add(1)
					}
					if n := passed.Load(); n > allowed() {
						t.Errorf("after %v, %d have passed", time.Since(start), n)
						return
					}
					time.Sleep(time.Duration(r.IntN(4000)) * time.Millisecond)
				}
			}()
		}
		go func() {
			for time.Since(start) < day { // and one that comes always
				time.Sleep(burst * time.Second / rate)
				for l.Allow() {
					passed.Add(1)
				}
			}
		}()
		wg.Wait()
		synctest.Wait()
		require.InDelta(t, rate*day.Seconds(), passed.Load(), 2*burst)
	})
}

// Those who wait pass in their order, each exactly when its token comes.
func TestWaitersPassInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(100, 1, nil)
		require.True(t, l.Allow())
		start := time.Now()
		var passed []time.Duration
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := 0; i < 100; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				require.Equal(t, Passed, l.Wait(bg, never, nil, nil))
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
				passed = append(passed, time.Since(start))
			}()
			synctest.Wait()
		}
		require.False(t, l.Allow(), "nobody gets in front of those who wait")
		wg.Wait()
		for i := range order {
			require.Equal(t, i, order[i])
			require.InDelta(t, time.Duration(i+1)*10*time.Millisecond, passed[i], 2)
		}
	})
}

// A wait that cannot end in time fails at once, and takes nothing.
func TestHopeless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		l := New(1, 1, nil)
		require.Equal(t, Passed, l.Wait(bg, never, nil, nil))
		ctx, cancel := context.WithTimeout(bg, time.Second-10)
		defer cancel()
		for i := 0; i < 100; i++ {
			require.Equal(t, Hopeless, l.Wait(ctx, never, nil, nil))
			require.Equal(t, Hopeless, l.Wait(bg, time.Second-10, nil, nil))
			require.Equal(t, Hopeless, l.Wait(bg, -1, nil, nil))
		}
		require.Equal(t, start, time.Now())
		require.Equal(t, Passed, l.Wait(bg, time.Second+10, nil, nil))
		require.InDelta(t, time.Second, time.Since(start), 2)
		cancel()
		require.Equal(t, Ended, l.Wait(ctx, -1, nil, nil))

		l = New(1e-9, 1, nil) // decades
		require.Equal(t, Passed, l.Wait(bg, never, nil, nil))
		for outcome := Passed; outcome != Hopeless; {
			_, outcome = l.join(never)
		}
		require.Equal(t, Hopeless, l.Wait(bg, never, nil, nil))
	})
}

// A timer and a ctx end a wait; those behind move up, and when all who waited have
// gone, the next one need not wait for their tokens.
func TestGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for round := 0; round < 50; round++ {
			l := New(10, 1, nil)
			require.True(t, l.Allow())
			start := time.Now()
			var wg sync.WaitGroup
			for i := 0; i < 100; i++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					d := time.Duration(rand.IntN(90)) * time.Millisecond
					if i%2 == 0 {
						require.Equal(t, Expired, l.Wait(bg, never, time.After(d), nil))
						return
					}
					ctx, cancel := context.WithCancel(bg)
					time.AfterFunc(d, cancel)
					require.Equal(t, Ended, l.Wait(ctx, never, nil, nil))
				}()
			}
			if round%2 == 0 {
				time.Sleep(45 * time.Millisecond) // a change in the middle
				l.SetRate(10, 1)
			}
			wg.Wait()
			require.Nil(t, l.line.first)
			require.Equal(t, Passed, l.Wait(bg, never, nil, nil))
			require.InDelta(t, 100*time.Millisecond, time.Since(start), 10)
		}
	})
}

// Who leaves makes no gap: those behind pass sooner, in their order.
func TestMovingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(10, 1, nil)
		require.True(t, l.Allow())
		start := time.Now()
		var wg sync.WaitGroup
		after := make([]time.Duration, 30)
		for i := range after {
			wg.Add(1)
			go func() {
				defer wg.Done()
				ctx, cancel := context.WithCancel(bg)
				defer cancel()
				if i%3 != 2 { // the first of all, too
					time.AfterFunc(50*time.Millisecond, cancel)
				}
				if l.Wait(ctx, never, nil, nil) == Passed {
					after[i] = time.Since(start)
				}
			}()
			synctest.Wait()
		}
		wg.Wait()
		for i, after := range after {
			want := time.Duration(0)
			if i%3 == 2 {
				want = time.Duration(i/3+1) * 100 * time.Millisecond
			}
			require.InDelta(t, want, after, 10)
		}
	})
}

// Who waits goes on by the new rate.
func TestChangeWhileWaiting(t *testing.T) {
	for name, tt := range map[string]struct {
		rate    float64
		burst   int
		longest time.Duration
		want    Outcome
		after   time.Duration // of the third in the line
	}{
		"faster":       {10, 1, never, Passed, 500*time.Millisecond + 250*time.Millisecond},
		"slower":       {0.1, 1, never, Passed, 500*time.Millisecond + 25*time.Second},
		"too slow":     {0.1, 1, 10 * time.Second, Hopeless, 500 * time.Millisecond},
		"no limit":     {0, 1, never, Passed, 500 * time.Millisecond},
		"larger burst": {1, 1000, never, Passed, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(1, 1, nil)
				require.True(t, l.Allow())
				start := time.Now()
				var others sync.WaitGroup
				for i := 0; i < 2; i++ {
					others.Add(1)
					go func() {
						defer others.Done()
						l.Wait(bg, never, nil, nil)
					}()
					synctest.Wait()
				}
				defer others.Wait()
				got := make(chan Outcome, 1)
				go func() { got <- l.Wait(bg, tt.longest, nil, nil) }()
				time.Sleep(500 * time.Millisecond)
				l.SetRate(tt.rate, tt.burst)
				require.Equal(t, tt.want, <-got)
				require.InDelta(t, tt.after, time.Since(start), 100)
				if tt.rate == 0 {
					require.True(t, l.Allow())
					l.SetRate(1, 5)
					require.Equal(t, 5, drain(t, l, 1))
				}
			})
		})
	}
}

// Waiters, cancels and changes at random: at no time have more passed than the
// highest of the rates allows, and nobody hangs.
func TestWaitStorm(t *testing.T) {
	for round := 0; round < 20; round++ {
		synctest.Test(t, func(t *testing.T) {
			l := New(1000, 10, nil)
			start := time.Now()
			var passed atomic.Int64
			var wg sync.WaitGroup
			for g := 0; g < 64; g++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					r := rand.New(rand.NewPCG(uint64(round), uint64(g)))
					for i := 0; i < 50; i++ {
						ctx, cancel := context.WithTimeout(bg, time.Duration(r.IntN(200))*time.Millisecond)
						if r.IntN(2) == 0 {
							time.AfterFunc(time.Duration(r.IntN(100))*time.Millisecond, cancel)
						}
						if l.Wait(ctx, never, nil, nil) == Passed {
							n := passed.Add(1)
							if most := 10 + int64(time.Since(start)*1000/time.Second); n > most {
								t.Errorf("%d have passed, and %d may", n, most)
							}
						}
						cancel()
						if r.IntN(100) == 0 {
							l.SetRate(10+990*r.Float64(), 1+r.IntN(10))
						}
					}
				}()
			}
			wg.Wait()
			require.Positive(t, passed.Load())
		})
	}
}
