//go:build go1.25

package server_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// sleepy takes n milliseconds for message n.
func sleepy(_ context.Context, n int) (int, error) {
	time.Sleep(time.Duration(n) * time.Millisecond)
	return n, nil
}

// inBubble runs a server in virtual time until f returns and all is handled.
func inBubble(t *testing.T, h server.Handler[int, int], so server.Options, f func(t *testing.T, s srv, d disp)) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newServer(t, h, so, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		f(t, s, d)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
		requireAccounts(t, s)
	})
}

// flood sends a request of 1 ms in each gap, and returns how many were
// answered, and how long the slowest of them took after the first 300 ms.
func flood(t *testing.T, d disp, n int, gap time.Duration) (answered, shed int64, slowest time.Duration) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			sent := time.Now()
			_, err := d.Request(context.Background(), 1)
			mu.Lock()
			defer mu.Unlock()
			switch took := time.Since(sent); {
			case err == nil:
				answered++
				if sent.Sub(start) > 300*time.Millisecond {
					slowest = max(slowest, took)
				}
			case errors.Is(err, dispatcher.ErrOverloaded) && errors.Is(err, dispatcher.ErrShed):
				shed++
			default:
				t.Error(err)
			}
		}()
		time.Sleep(gap)
	}
	wg.Wait()
	return answered, shed, slowest
}

// At twice the capacity, the answers are as many as there can be and quick, and
// the others are told. At 0.9 of it nothing is shed.
func TestShedKeepsGoodputAndLatency(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ parks in its own way")
		}
		m.opts.Shed = server.ShedOptions{Target: 5 * time.Millisecond, Interval: 50 * time.Millisecond}
		loops := max(1, m.opts.Concurrency)
		gap := time.Millisecond / time.Duration(loops)
		const n = 8000
		inBubble(t, funcs(sleepy), m.opts, func(t *testing.T, s srv, d disp) {
			answered, shed, slowest := flood(t, d, n, gap/2)
			require.InDelta(t, n/2, answered, n/20)
			require.EqualValues(t, n, answered+shed)
			require.EqualValues(t, shed, s.Stats().Shed)
			require.LessOrEqual(t, slowest, 12*time.Millisecond)

			answered, _, _ = flood(t, d, n, gap*10/9)
			require.EqualValues(t, n, answered)
		})
	})
}

// CoDel sheds too, and slowly.
func TestShedCoDel(t *testing.T) {
	opts := server.Options{Shed: server.ShedOptions{Target: 5 * time.Millisecond, Interval: 100 * time.Millisecond, Law: server.ShedCoDel}}
	inBubble(t, funcs(sleepy), opts, func(t *testing.T, s srv, d disp) {
		answered, shed, _ := flood(t, d, 2000, 900*time.Microsecond)
		require.EqualValues(t, 2000, answered+shed)
		require.Positive(t, shed)
		require.Greater(t, answered, int64(1500))
	})
}

// A queue whose last requests were given up was empty, also for CoDel.
func TestShedCoDelAfterGivenUp(t *testing.T) {
	opts := server.Options{Lanes: 2, Shed: server.ShedOptions{Target: 5 * time.Millisecond, Interval: 100 * time.Millisecond, Law: server.ShedCoDel}}
	inLanes(t, opts, func(t *testing.T, s srv, ds []disp) {
		ctx := context.Background()
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		require.NoError(t, ds[0].Send(ctx, 50))
		require.NoError(t, ds[1].Send(ctx, 1)) // has waited for 50 ms, and is not the last
		_, err := ds[1].Request(short, 1)
		require.Equal(t, context.DeadlineExceeded, err)
		time.Sleep(time.Hour)
		require.NoError(t, ds[0].Send(ctx, 50))
		require.NoError(t, ds[1].Send(ctx, 1))
		require.NoError(t, ds[1].Send(ctx, 1))
		require.NoError(t, s.Shutdown(ctx))
		require.Zero(t, s.Stats().Shed)
	})
}

// A burst that is gone within the interval is handled to its end, whenever it comes.
func TestShedLeavesBursts(t *testing.T) {
	inBubble(t, funcs(sleepy), server.Options{Shed: server.ShedOptions{Target: time.Millisecond, Interval: 100 * time.Millisecond}},
		func(t *testing.T, s srv, d disp) {
			for burst := 0; burst < 60; burst++ {
				n := 20 + 37*burst%70
				answered, _, _ := flood(t, d, n, 0)
				require.EqualValues(t, n, answered)
				time.Sleep(time.Duration(10+53*burst%110) * time.Millisecond)
			}
		})
}

// After an overload, too, though no Interval passes without one.
func TestShedLeavesBurstsAfterAnOverload(t *testing.T) {
	inBubble(t, funcs(sleepy), server.Options{Shed: server.ShedOptions{Target: 2 * time.Millisecond, Interval: 50 * time.Millisecond}},
		func(t *testing.T, s srv, d disp) {
			_, shed, _ := flood(t, d, 1000, time.Millisecond/2)
			require.Positive(t, shed)
			for burst := 0; burst < 20; burst++ {
				answered, _, _ := flood(t, d, 20, 0)
				if burst >= 5 {
					require.EqualValues(t, 20, answered)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
}

// A request is shed at once when its deadline cannot be met any more; and not
// handled when it has passed. Without a Shed, the timer of the ctx decides.
func TestShedByDeadline(t *testing.T) {
	opts := server.Options{Shed: server.ShedOptions{Target: time.Hour}}
	inBubble(t, funcs(sleepy), opts, func(t *testing.T, s srv, d disp) {
		var calls []*dispatcher.Call[int]
		begin := time.Now()
		send := func(deadline time.Duration) {
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			t.Cleanup(cancel)
			c, err := d.Go(ctx, 10)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		for i := 0; i < 4; i++ {
			send(time.Minute) // until 40 ms, and it shows that a call takes 10 ms
		}
		send(45 * time.Millisecond) // its turn is at 40 ms
		send(51 * time.Millisecond) // this one can be met
		for _, c := range calls[:4] {
			_, err := c.Wait(context.Background())
			require.NoError(t, err)
		}
		_, err := calls[4].Wait(context.Background())
		require.Equal(t, dispatcher.ErrShed, err)
		require.Equal(t, 40*time.Millisecond, time.Since(begin))
		_, err = calls[5].Wait(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Stats().Shed)

		// The server is idle for long between two calls, and that is no call's
		// time.
		for i := 0; i < 5; i++ {
			time.Sleep(time.Second)
			send(15 * time.Millisecond)
			_, err := calls[len(calls)-1].Wait(context.Background())
			require.NoError(t, err)
		}
	})
}

// A shed command is handed to OnCommandError, and its ctx does not matter.
func TestShedCommands(t *testing.T) {
	var shed, handled atomic.Int64
	opts := server.Options{
		Shed: server.ShedOptions{Target: time.Millisecond, Interval: 10 * time.Millisecond},
		OnCommandError: func(cmd any, err error) {
			if err != dispatcher.ErrShed || cmd != 1 {
				t.Error(cmd, err)
			}
			shed.Add(1)
		},
	}
	inBubble(t, funcs(func(ctx context.Context, n int) (int, error) { handled.Add(1); return sleepy(ctx, n) }), opts,
		func(t *testing.T, s srv, d disp) {
			for i := 0; i < 1000; i++ {
				ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
				require.NoError(t, d.Send(ctx, 1))
				cancel()
				time.Sleep(500 * time.Microsecond)
			}
			require.NoError(t, s.Shutdown(context.Background()))
			require.EqualValues(t, 1000, shed.Load()+handled.Load())
			require.Positive(t, shed.Load())
			require.EqualValues(t, shed.Load(), s.Stats().Shed)
		})
}

// What waits for the pool is shed by its age as well.
func TestShedOffloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := pool.New(pool.Options{Workers: 1, QueueSize: 4})
		require.NoError(t, err)
		h := funcs(sleepy)
		h.Offload = func(int) bool { return true }
		s, d := newServer(t, h, server.Options{Pool: p, Shed: server.ShedOptions{Target: 5 * time.Millisecond, Interval: 50 * time.Millisecond}}, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		answered, shed, slowest := flood(t, d, 4000, 500*time.Microsecond)
		require.InDelta(t, 2000, answered, 200)
		require.EqualValues(t, 4000, answered+shed)
		require.LessOrEqual(t, slowest, 12*time.Millisecond)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
		require.NoError(t, p.Shutdown(context.Background()))
		requireAccounts(t, s)
	})
}

// An envelope of no dispatcher has no age.
func TestShedWithoutStamp(t *testing.T) {
	handled := 0
	s, err := server.New(funcs(func(context.Context, int) (int, error) { handled++; return 0, nil }),
		server.Options{Shed: server.ShedOptions{Target: time.Nanosecond}})
	require.NoError(t, err)
	require.NoError(t, s.TryPush(dispatcher.Envelope[int, int]{}))
	require.NoError(t, s.Shutdown(context.Background()))
	require.Equal(t, 1, handled)
}
