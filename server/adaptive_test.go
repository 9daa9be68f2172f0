//go:build go1.25

package server_test

import (
	"context"
	"strings"
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

// cores is a machine on which calls of 10 ms slow each other down if there are
// more of them than n.
type cores struct {
	n             int64
	running, most atomic.Int64
}

func (c *cores) call(_ context.Context, v int) (int, error) {
	now := c.running.Add(1)
	defer c.running.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	for left := 10 * time.Millisecond; left > 0; left -= time.Millisecond {
		time.Sleep(time.Millisecond * time.Duration(max(c.running.Load(), c.n)) / time.Duration(c.n))
	}
	return v, nil
}

// hammer has 64 clients ask for a minute, and returns how many calls there were
// in the second half.
func hammer(t *testing.T, d disp) int64 {
	var calls atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for c := 0; c < 64; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for at := time.Duration(0); at < time.Minute; at = time.Since(begin) {
				if _, err := d.Request(context.Background(), c); err != nil {
					t.Error(err)
					return
				}
				if at > time.Minute/2 {
					calls.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	return calls.Load()
}

// The limit comes to rest near the number of cores, from far below, with nearly
// all of what they can do.
func TestAdaptive(t *testing.T) {
	for name, offload := range map[string]bool{"loops": false, "offload": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &cores{n: 8}
				h := funcs(m.call)
				opts := server.Options{Concurrency: 64, Adaptive: server.AdaptiveOptions{Max: 64}}
				p, err := pool.New(pool.Options{Workers: 64})
				require.NoError(t, err)
				if offload {
					h.Offload = func(int) bool { return true }
					opts.Concurrency, opts.Pool = 1, p
				}
				s, d := newServer(t, h, opts, dispatcher.Options{})
				ran := make(chan error, 1)
				go func() { ran <- s.Run(context.Background()) }()
				limit := func() int {
					if st := s.Stats(); offload {
						require.Zero(t, st.Limit)
						return st.OffloadLimit
					} else {
						require.Zero(t, st.OffloadLimit)
						return st.Limit
					}
				}
				require.Equal(t, 1, limit())
				var wg sync.WaitGroup
				wg.Add(1)
				go func() {
					defer wg.Done()
					time.Sleep(29 * time.Second)
					at := limit()
					if at < 8 || at > 24 {
						t.Errorf("the limit is %d", at)
					}
				}()
				calls := hammer(t, d)
				wg.Wait()
				const could = 8 * 100 * 30 // calls in half a minute
				require.Greater(t, calls, int64(could*85/100))
				require.LessOrEqual(t, calls, int64(could))
				require.NoError(t, s.Shutdown(context.Background()))
				require.NoError(t, <-ran)
				require.NoError(t, p.Shutdown(context.Background()))
				requireAccounts(t, s)
				t.Logf("%d of %d calls, at most %d at once", calls, could, m.most.Load())
			})
		})
	}
}

// Goexits and panics keep no place, and Close ends those who wait for one.
func TestAdaptiveKeepsNoPlace(t *testing.T) {
	for name, opts := range map[string]server.Options{
		"loops":   {Concurrency: 4},
		"offload": {},
	} {
		t.Run(name, func(t *testing.T) {
			opts.Adaptive.Max = 2
			opts.Pool = newPool(t, pool.Options{Workers: 2})
			h := funcs(misbehave)
			h.Offload = func(int) bool { return name == "offload" }
			s, d := start(t, h, opts, dispatcher.Options{})
			within(t, "places are lost", func() {
				for i := 0; i < 200; i++ {
					for _, n := range []int{doGoexit, doPanic, doFail} {
						_, err := d.Request(context.Background(), n)
						require.Error(t, err)
					}
					_, err := d.Request(context.Background(), i)
					require.NoError(t, err)
				}
			})
			for i := 0; i < 50; i++ {
				_, err := d.Go(context.Background(), i)
				require.NoError(t, err)
			}
			s.Close()
			within(t, "the end", func() { <-s.Done() })
			requireAccounts(t, s)
		})
	}
}

// Loops that have given their place up handle nothing, though they once did.
func TestAdaptiveWaitersAreNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := cores{n: 6}
		var begun atomic.Int64
		stuck := make(chan struct{})
		h := server.Funcs[int, int]{Request: func(ctx context.Context, n int) (int, error) {
			if n < 0 {
				begun.Add(1)
				<-stuck
			}
			return m.call(ctx, n)
		}}
		s, d := start(t, h, server.Options{Concurrency: 6, Adaptive: server.AdaptiveOptions{Max: 6}}, dispatcher.Options{})
		hammer(t, d)
		require.Greater(t, s.Stats().Limit, 3)
		m.n = 1
		hammer(t, d)
		require.Less(t, s.Stats().Limit, 4)

		for i := 0; i < 6; i++ {
			_, err := d.Go(context.Background(), -1)
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Less(t, begun.Load(), int64(6))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := s.Shutdown(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualValues(t, begun.Load(), strings.Count(err.Error(), "a handler call"), err)
		require.NotContains(t, err.Error(), "more handler calls")
		close(stuck)
		require.NoError(t, s.Shutdown(context.Background()))
	})
}
