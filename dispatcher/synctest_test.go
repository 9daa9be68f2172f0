//go:build go1.25

// A bubble needs the timers of Go 1.23, and go.mod says 1.22.
//go:debug asynctimerchan=0

package dispatcher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// Timeout runs from the call to the reply, once, whatever the request waits for
// on the way.
func TestTimeoutIsCountedOnce(t *testing.T) {
	const timeout = 10 * time.Second
	full := func(t *testing.T) ring {
		q := newRing(t, 2)
		for q.TryPush(envelope{}) == nil {
		}
		return q
	}
	for name, f := range map[string]func(t *testing.T) error{
		"a Pusher that knows contexts only": func(t *testing.T) error {
			q := full(t)
			d := newDispatcher(t, plain{q}, dispatcher.Options{Timeout: timeout})
			go func() { time.Sleep(timeout * 3 / 4); q.TryPop() }() // then it waits for a reply
			_, err := d.Request(bg, 1)
			return err
		},
		"a Limiter that knows contexts only": func(t *testing.T) error {
			d := newDispatcher(t, newRing(t, 16), dispatcher.Options{Timeout: timeout, Limiter: slow(timeout / 4)})
			return d.RequestAll(bg, make([]int, 10), make([]dispatcher.Result[int], 10))
		},
		"a Call that waited for its place": func(t *testing.T) error {
			q := newRing(t, 4)
			d := newDispatcher(t, q, dispatcher.Options{Timeout: timeout, MaxInFlight: 1})
			_, err := d.Go(bg, 1)
			require.NoError(t, err)
			go func() { time.Sleep(timeout * 3 / 4); e, _ := q.TryPop(); answer(e) }()
			c, err := d.Go(bg, 2)
			require.NoError(t, err)
			_, err = c.Wait(bg)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				require.ErrorIs(t, f(t), dispatcher.ErrTimeout)
				require.Equal(t, timeout, time.Since(start))
			})
		})
	}
}

// The tick of the Timeout and the end of ctx at the same moment, while blocked:
// one of the two, and not a third error.
func TestTimeoutAndCtxTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newRing(t, 2)
		for q.TryPush(envelope{}) == nil {
		}
		d := newDispatcher(t, q, dispatcher.Options{Timeout: time.Second})
		for i := 0; i < 200; i++ {
			ctx, cancel := context.WithCancel(bg)
			time.AfterFunc(time.Second, cancel)
			_, err := d.Request(ctx, 1)
			require.True(t, err == dispatcher.ErrTimeout || err == context.Canceled, "%v", err)
		}
	})
}

// 64 goroutines at the limit, in every way to send, with cancels: at no time have
// more passed than may, and nothing is left unused, by those who are cancelled
// while they wait neither.
func TestRateOverTime(t *testing.T) {
	const rate, burst, length = 1000, 10, 10 * time.Second
	for _, overflow := range []dispatcher.Overflow{dispatcher.Block, dispatcher.Reject} {
		synctest.Test(t, func(t *testing.T) {
			q := newRing(t, 1024)
			d := newDispatcher(t, q, dispatcher.Options{RateLimit: rate, Burst: burst, Overflow: overflow, Timeout: 100 * time.Millisecond})
			start := time.Now()
			passed := 0
			counted := make(chan struct{})
			go func() {
				defer close(counted)
				for {
					e, err := q.Pop(bg)
					if err != nil {
						return
					}
					answer(e)
					passed++
					if most := burst + int(time.Since(start)*rate/time.Second); passed > most {
						t.Errorf("%d have passed, and %d may", passed, most)
						return
					}
				}
			}()
			var wg, cancels sync.WaitGroup
			for g := 0; g < 64; g++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					r := rand.New(rand.NewPCG(uint64(g), 1))
					for time.Since(start) < length {
						ctx, cancel := context.WithCancel(bg)
						var err error
						switch r.IntN(4) {
						case 0:
							_, err = d.Request(ctx, 1)
						case 1:
							err = d.Send(ctx, 1)
						case 2:
							err = d.TrySend(1)
						case 3:
							after := time.Duration(r.IntN(50)) * time.Millisecond
							cancels.Add(1)
							go func() { // AfterFunc crashes the race detector of Go 1.26 here
								defer cancels.Done()
								time.Sleep(after)
								cancel()
							}()
							_, err = d.SendAll(ctx, []int{1, 2, 3})
						}
						cancel()
						if err != nil {
							time.Sleep(time.Millisecond)
						}
					}
				}()
			}
			wg.Wait()
			took := time.Since(start)
			cancels.Wait()
			q.Close()
			<-counted
			require.InDelta(t, rate*took.Seconds(), passed, 2*burst)
			require.Positive(t, d.Stats().RateLimited)
			require.Equal(t, overflow == dispatcher.Block, d.Stats().Cancelled > 1000)
		})
	}
}

// A waiting request goes on by a new rate, or is refused when that would be too
// late; a wait for the rate counts towards the Timeout.
func TestSetRateWhileWaiting(t *testing.T) {
	for name, tt := range map[string]struct {
		rate  float64
		err   error
		after time.Duration
	}{
		"faster":   {10, nil, 2*time.Second + 80*time.Millisecond},
		"slower":   {0.5, nil, 2*time.Second + 1600*time.Millisecond},
		"too slow": {0.01, dispatcher.ErrRateLimited, 2 * time.Second},
		"no limit": {0, nil, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDispatcher(t, newRing(t, 16), dispatcher.Options{RateLimit: 0.1, Burst: 1})
				require.NoError(t, d.Send(bg, 1)) // the next one in 10 s
				timed := newDispatcher(t, newRing(t, 16), dispatcher.Options{RateLimit: 0.1, Burst: 1, Timeout: 20 * time.Second})
				require.NoError(t, timed.Send(bg, 1))
				start := time.Now()
				errs := make(chan error, 2)
				ctx, cancel := context.WithTimeout(bg, 20*time.Second)
				defer cancel()
				var took [2]time.Duration
				go func() {
					err := d.Send(ctx, 1)
					took[0] = time.Since(start)
					errs <- err
				}()
				go func() {
					_, err := timed.Go(bg, 1)
					took[1] = time.Since(start)
					errs <- err
				}()
				time.Sleep(2 * time.Second) // 0.8 of a token is missing
				require.NoError(t, d.SetRate(tt.rate, 0))
				require.NoError(t, timed.SetRate(tt.rate, 0))
				require.ErrorIs(t, <-errs, tt.err)
				require.ErrorIs(t, <-errs, tt.err)
				for _, took := range took {
					require.InDelta(t, tt.after, took, 10)
				}
			})
		})
	}
}

// A refusal by the rate says what would have ended first, the ctx or the Timeout, also if
// SetRate brings it about after a long wait.
func TestSetRateSaysWhatIsOver(t *testing.T) {
	const timeout = 100 * time.Second
	for _, waited := range []time.Duration{0, timeout / 2} {
		for _, deadline := range []time.Duration{timeout - 10*time.Second, timeout + 10*time.Second, 0} {
			synctest.Test(t, func(t *testing.T) {
				d := newDispatcher(t, newRing(t, 16), dispatcher.Options{RateLimit: 1.0 / 60, Burst: 1, Timeout: timeout})
				require.NoError(t, d.Send(bg, 1))
				ctx, cancel := bg, func() {}
				if deadline > 0 {
					ctx, cancel = context.WithTimeout(bg, deadline)
				}
				defer cancel()
				sent := async(func() (int, error) { return d.Request(ctx, 1) })
				time.Sleep(waited)
				synctest.Wait()
				require.NoError(t, d.SetRate(1e-6, 1))
				err := (<-sent).err
				require.ErrorIs(t, err, dispatcher.ErrRateLimited)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, deadline != timeout-10*time.Second, errors.Is(err, dispatcher.ErrTimeout), "%v, %v", waited, deadline)
			})
		}
	}
}

// slow is a Limiter that takes its time for each.
type slow time.Duration

func (slow) Allow() bool { return false }

func (l slow) Wait(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(l)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
