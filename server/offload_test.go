package server_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// offloading is a handler that offloads what is at least 100.
func offloading(f handlerFunc) server.Funcs[int, int] {
	h := funcs(f)
	h.Offload = func(n int) bool { return n >= 100 }
	return h
}

func TestOffload(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 2})
		s, d := start(t, offloading(misbehave), m.opts, dispatcher.Options{})
		for i := 0; i < 200; i++ {
			n, err := d.Request(context.Background(), i)
			require.NoError(t, err)
			require.Equal(t, i, n)
		}
		require.NoError(t, d.Send(context.Background(), 100))
		require.NoError(t, s.Shutdown(context.Background()))
		require.EqualValues(t, 101, s.Stats().Offloaded)
		require.EqualValues(t, 1, s.Stats().Commands)
	})
}

// Offloaded calls run beside each other and beside the owner.
func TestOffloadedRunInParallel(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 2})
	var both sync.WaitGroup
	both.Add(2)
	_, d := start(t, offloading(func(_ context.Context, n int) (int, error) {
		if n >= 100 {
			both.Done()
			both.Wait()
		}
		return n, nil
	}), server.Options{Pool: p}, dispatcher.Options{})
	within(t, "two offloaded calls that wait for each other", func() {
		a, err := d.Go(context.Background(), 100)
		require.NoError(t, err)
		b, err := d.Go(context.Background(), 101)
		require.NoError(t, err)
		_, err = a.Wait(context.Background())
		require.NoError(t, err)
		_, err = b.Wait(context.Background())
		require.NoError(t, err)
	})
}

func TestOffloadWithoutPool(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		failed := make(chan error, 1)
		m.opts.OnCommandError = func(_ any, err error) { failed <- err }
		m.opts.Pool = (*pool.Pool)(nil) // a nil pointer is no pool either
		_, d := start(t, offloading(echo), m.opts, dispatcher.Options{})
		_, err := d.Request(context.Background(), 100)
		require.Equal(t, server.ErrNoPool, err)
		require.NoError(t, d.Send(context.Background(), 100))
		require.Equal(t, server.ErrNoPool, <-failed)
	})
}

// A pool of one busy worker and room for two more.
func stuckPool(t *testing.T) (p *pool.Pool, release func()) {
	p = newPool(t, pool.Options{Workers: 1, QueueSize: 2})
	stuck := make(chan struct{})
	started := make(chan struct{})
	require.NoError(t, p.TrySubmit(pool.Func(func() { close(started); <-stuck })))
	<-started
	for p.TrySubmit(pool.Func(func() {})) == nil {
	}
	release = sync.OnceFunc(func() { close(stuck) })
	t.Cleanup(release)
	return p, release
}

// When the pool is full, messages go to the backlog; when that is full too,
// they are refused; the owner goes on all the while.
func TestPoolFull(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		p, release := stuckPool(t)
		m.opts.Pool = p
		m.opts.Queue.Capacity = 4
		s, d := start(t, offloading(echo), m.opts, dispatcher.Options{})
		var calls []*dispatcher.Call[int]
		within(t, "the owner", func() {
			for i := 0; i < 20; i++ {
				c, err := d.Go(context.Background(), 100+i)
				require.NoError(t, err)
				calls = append(calls, c)
				n, err := d.Request(context.Background(), i) // the owner answers
				require.NoError(t, err)
				require.Equal(t, i, n)
			}
		})
		// With more than one loop, another may have the last one still in its hands.
		testx.Eventually(t, func() bool { return s.Stats().PoolFull >= 15 }, "the refusals")
		release()
		full := 0
		for i, c := range calls {
			n, err := c.Wait(context.Background())
			if err == nil {
				require.Equal(t, 100+i, n)
				continue
			}
			require.ErrorIs(t, err, server.ErrPoolFull)
			require.ErrorIs(t, err, dispatcher.ErrOverloaded)
			full++
		}
		// The backlog holds 4, and the feeder one more.
		require.GreaterOrEqual(t, full, 15)
		require.EqualValues(t, full, s.Stats().PoolFull)
		_, err := d.Request(context.Background(), 100) // and it recovers
		require.NoError(t, err)
	})
}

// Messages reach the pool in the order they were sent, backlog or not.
func TestOffloadOrder(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 1, QueueSize: 2})
	var got []int
	s, d := start(t, offloading(func(_ context.Context, n int) (int, error) {
		if n%7 == 0 {
			runtime.Gosched()
		}
		got = append(got, n)
		return n, nil
	}), server.Options{Pool: p}, dispatcher.Options{})
	for i := 0; i < 1000; i++ {
		require.NoError(t, d.Send(context.Background(), 100+i))
	}
	require.NoError(t, s.Shutdown(context.Background()))
	require.Len(t, got, 1000)
	require.IsIncreasing(t, got)
}

// A job that sends back to its own server, from the only worker of a full pool.
func TestJobSendsBackToItsServer(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 1, QueueSize: 2})
		m.opts.Queue.Capacity = 64
		var s srv
		var d disp
		var back, requests atomic.Int64
		s, d = newServer(t, offloading(func(ctx context.Context, n int) (int, error) {
			if n < 100 {
				back.Add(1)
				return n, nil
			}
			if err := d.Send(ctx, 1); err != nil {
				return 0, err
			}
			_, err := d.Request(ctx, 2)
			requests.Add(1)
			return n, err
		}), m.opts, dispatcher.Options{})
		run(t, s)
		within(t, "jobs that send back", func() {
			var wg sync.WaitGroup
			for i := 0; i < 50; i++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					_, err := d.Request(context.Background(), 100)
					if err != nil {
						require.ErrorIs(t, err, server.ErrPoolFull)
					}
				}()
			}
			wg.Wait()
		})
		require.Positive(t, requests.Load())
	})
}

func TestPoolFails(t *testing.T) {
	closed, err := pool.New(pool.Options{})
	require.NoError(t, err)
	require.NoError(t, closed.Shutdown(context.Background()))
	for _, tt := range []struct {
		name string
		pool server.Executor
		is   func(error) bool
	}{
		{"closed", closed, func(err error) bool { return errors.Is(err, queue.ErrClosed) }},
		{"rejects", executor(func(server.Task) error { return errTest }), func(err error) bool { return errors.Is(err, errTest) }},
		{"panics", executor(func(server.Task) error { panic("boom") }), func(err error) bool { return errors.As(err, new(*server.PanicError)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				m.opts.Pool = tt.pool
				s, d := start(t, offloading(echo), m.opts, dispatcher.Options{})
				_, err := d.Request(context.Background(), 100)
				require.True(t, tt.is(err), "%v", err)
				_, err = d.Request(context.Background(), 1)
				require.NoError(t, err)
				require.NoError(t, s.Shutdown(context.Background()))
			})
		})
	}
}

type executor func(server.Task) error

func (e executor) TrySubmit(t server.Task) error                 { return e(t) }
func (e executor) Submit(_ context.Context, t server.Task) error { return e(t) }

// Close while messages wait for the pool: each has an outcome, nothing hangs.
func TestCloseWithBacklog(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		p, release := stuckPool(t)
		m.opts.Pool = p
		s, d := start(t, offloading(echo), m.opts, dispatcher.Options{})
		var calls []*dispatcher.Call[int]
		for i := 0; i < 10; i++ {
			c, err := d.Go(context.Background(), 100+i)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		testx.Eventually(t, func() bool { return s.Stats().Offloaded == 10 }, "all are offloaded")
		s.Close()
		for _, c := range calls {
			_, err := c.Wait(context.Background())
			require.Equal(t, server.ErrServerClosed, err)
		}
		<-s.Done() // though the pool is still stuck
		release()
	})
}

// A panic and a Goexit of an offloaded call.
func TestOffloadedFailure(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 1})
		h := funcs(misbehave)
		h.Offload = func(n int) bool { return n < 0 }
		s, d := start(t, h, m.opts, dispatcher.Options{})
		for i := 0; i < 5; i++ {
			_, err := d.Request(context.Background(), doPanic)
			require.ErrorAs(t, err, new(*server.PanicError))
			_, err = d.Request(context.Background(), doGoexit)
			require.Equal(t, server.ErrGoexit, err)
		}
		require.NoError(t, s.Shutdown(context.Background()))
		require.EqualValues(t, 10, s.Stats().Panicked)
	})
}

// A handler whose Offload panics harms its message only.
func TestOffloadPanics(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := funcs(echo)
		h.Offload = func(n int) bool {
			if n == 13 {
				panic("unlucky")
			}
			return false
		}
		_, d := start(t, h, m.opts, dispatcher.Options{})
		for i := 10; i < 20; i++ {
			_, err := d.Request(context.Background(), i)
			if i == 13 {
				require.ErrorAs(t, err, new(*server.PanicError))
			} else {
				require.NoError(t, err)
			}
		}
	})
}
