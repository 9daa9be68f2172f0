package server_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// A message that waits for its key, or in the backlog, has none of the places of
// Options.Adaptive, and the next of a key finds that of the one before it.
func TestKeyWithAdaptive(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 4})
		m.opts.Queue.Capacity = 16
		m.opts.Adaptive = server.AdaptiveOptions{Min: 2, Max: 2}
		stuck, started := make(chan struct{}), make(chan struct{})
		s, d := start(t, keyed(func(_ context.Context, n int) (int, error) {
			if n == 101 {
				close(started)
				<-stuck
			}
			return n, nil
		}), m.opts, dispatcher.Options{})
		var calls []*dispatcher.Call[int]
		ask := func(n int) {
			c, err := d.Go(context.Background(), n)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		ask(101)
		<-started
		for i := 2; i <= 5; i++ {
			ask(100*i + 1)
			testx.Eventually(t, func() bool { return s.Stats().Backlog == i-1 }, "it waits for its key")
		}
		require.EqualValues(t, 1, server.Places(s), "of the one that runs")
		within(t, "the others", func() {
			for i := 0; i < 100; i++ {
				_, err := d.Request(context.Background(), 102+i%90)
				require.NoError(t, err)
				_, err = d.Request(context.Background(), 199) // no key
				require.NoError(t, err)
			}
		})
		close(stuck)
		within(t, "those that waited", func() {
			for i, c := range calls {
				n, err := c.Wait(context.Background())
				require.NoError(t, err)
				require.Equal(t, 100*(i+1)+1, n)
			}
		})
		require.NoError(t, s.Shutdown(context.Background()))
		noPlaces(t, s)
		noKeysInUse(t, s)
		requireAccounts(t, s)
	})
}

// noPlaces waits until s has all places back. A worker gives its place back after
// the reply, so that the last ones may be a moment behind Shutdown.
func noPlaces[Req, Resp any](t *testing.T, s *server.Server[Req, Resp]) {
	t.Helper()
	testx.Eventually(t, func() bool { return server.Places(s) == 0 }, "all places are given back")
}

// All that a round of TestKeyConservation does, with a limit of the messages that
// the pool has.
func TestKeyConservationWithAdaptive(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		within(t, "a round", func() {
			for round := 0; round < scaled(300); round++ {
				m.opts.Adaptive = server.AdaptiveOptions{Max: 1 + round%4}
				keyRound(t, m, round)
				if t.Failed() {
					return
				}
			}
		})
	})
}

// A message whose Key panics, and one that a pool refuses as it likes, is counted
// once, also when a worker submits the next of a key.
func TestKeyAccounts(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		for name, limit := range map[string]int{"no limit": 0, "adaptive": 2} {
			t.Run(name, func(t *testing.T) {
				pool := &wildPool{}
				m.opts.Pool, m.opts.Adaptive.Max = pool, limit
				h := offloading(echo)
				h.Offload = func(int) bool { return true }
				h.Key = func(n int) (uint64, bool) {
					if n%10 == 3 {
						panic("unlucky")
					}
					return uint64(n % 2), n%5 != 4
				}
				s, d := start(t, h, m.opts, dispatcher.Options{})
				within(t, "a wild pool", func() {
					var calls []*dispatcher.Call[int]
					for i := 0; i < 500; i++ {
						c, err := d.Go(context.Background(), i)
						require.NoError(t, err)
						calls = append(calls, c)
					}
					var ok, full, failed uint64
					for _, c := range calls {
						switch _, err := c.Wait(context.Background()); err {
						case nil:
							ok++
						case server.ErrPoolFull:
							full++
						default:
							failed++
						}
					}
					require.NoError(t, s.Shutdown(context.Background()))
					pool.Wait()
					st := s.Stats()
					require.Equal(t, ok, st.Requests)
					require.Equal(t, full, st.PoolFull)
					require.Equal(t, failed, st.NotOffloaded)
					require.Positive(t, ok)
					require.Positive(t, failed)
				})
				noPlaces(t, s)
				noKeysInUse(t, s)
				requireAccounts(t, s)
			})
		}
	})
}

// wildPool takes a task, or has no room, or fails, panics or calls Goexit.
type wildPool struct{ sync.WaitGroup }

func (p *wildPool) TrySubmit(task server.Task) error {
	switch rand.IntN(8) {
	case 0:
		return errTest
	case 1:
		panic("boom")
	case 2:
		runtime.Goexit()
	case 3, 4:
		return queue.ErrFull
	}
	p.Add(1)
	go func() { defer p.Done(); task.Run() }()
	return nil
}

func (p *wildPool) Submit(_ context.Context, task server.Task) error {
	if err := p.TrySubmit(task); err != queue.ErrFull {
		return err
	}
	return errTest
}
