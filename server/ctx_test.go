package server_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Contexts of types that are not package context's.

// custom is a ctx with methods of its own; nil: the embedded ones.
type custom struct {
	context.Context
	err      func() error
	deadline func() (time.Time, bool)
}

func (c custom) Err() error {
	if c.err == nil {
		return c.Context.Err()
	}
	return c.err()
}

func (c custom) Deadline() (time.Time, bool) {
	if c.deadline == nil {
		return c.Context.Deadline()
	}
	return c.deadline()
}

// A ctx that says that it has no deadline has none, whatever time it gives with that.
func TestNoDeadline(t *testing.T) {
	for _, law := range []server.ShedLaw{server.ShedSlough, server.ShedCoDel} {
		_, d := start(t, funcs(echo), server.Options{
			CallerRuns: server.CallerRunsNever, Shed: server.ShedOptions{Target: time.Hour, Law: law},
		}, dispatcher.Options{})
		past := time.Now().Add(-time.Hour)
		n, err := d.Request(custom{Context: context.Background(), deadline: func() (time.Time, bool) { return past, false }}, 1)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
}

// A ctx with methods that panic at its request's turn fails that request, and nothing
// else.
func TestCtxThatPanics(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 1})
	each(t, func(t *testing.T, m mode) {
		for _, where := range []string{"owner", "worker"} {
			t.Run(where, func(t *testing.T) {
				h := funcs(echo)
				if m.opts.Shed.Target = time.Hour; where == "worker" {
					m.opts.Pool = p
					h.Offload = func(int) bool { return true }
				}
				s, d := newServer(t, h, m.opts, dispatcher.Options{})
				var bad atomic.Bool
				var calls []*dispatcher.Call[int]
				for _, ctx := range []custom{
					{err: func() error { return panicIf(&bad) }},
					{deadline: func() (time.Time, bool) { return time.Time{}, panicIf(&bad) != nil }},
				} {
					ctx.Context = context.Background()
					call, err := d.Go(ctx, 1) // queued: it does not run yet
					require.NoError(t, err)
					calls = append(calls, call)
				}
				bad.Store(true)
				run(t, s)
				n, err := d.Request(context.Background(), 1)
				require.NoError(t, err)
				require.Equal(t, 1, n)
				require.NoError(t, s.Shutdown(context.Background()))
				bad.Store(false)
				for _, call := range calls {
					_, err := call.Wait(context.Background())
					var panicked *server.PanicError
					require.ErrorAs(t, err, &panicked)
				}
				st := s.Stats()
				require.EqualValues(t, 2, st.Panicked)
				require.Equal(t, st.Queue.Pushed, accounted(st))
			})
		}
	})
}

func panicIf(bad *atomic.Bool) error {
	if bad.Load() {
		panic("a method of ctx")
	}
	return nil
}

// So it is in the backlog, and with one whose methods call Goexit.
func TestCtxThatPanicsInTheBacklog(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("a method of ctx") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, pool.Options{Workers: 1, QueueSize: 2})
			entered, released := make(chan bool, 16), make(chan bool)
			h := funcs(func(_ context.Context, n int) (int, error) {
				entered <- true
				<-released
				return n, nil
			})
			h.Offload = func(int) bool { return true }
			s, d := start(t, h, server.Options{Pool: p}, dispatcher.Options{})
			for range 8 { // one runs, two wait in the pool, one is on its way there
				require.NoError(t, d.Send(context.Background(), 1))
			}
			var bad atomic.Bool
			call, err := d.Go(custom{Context: context.Background(), err: func() error {
				if bad.Load() {
					end()
				}
				return nil
			}}, 1)
			require.NoError(t, err)
			testx.Recv(t, entered)
			testx.Eventually(t, func() bool { return s.Stats().Offloaded == 9 }, "all are offloaded")
			bad.Store(true)
			close(released)
			require.NoError(t, s.Shutdown(context.Background()))
			bad.Store(false)
			require.True(t, call.Ready())
			_, err = call.Wait(context.Background())
			if name == "panic" {
				require.ErrorAs(t, err, new(*server.PanicError))
			} else {
				require.Equal(t, server.ErrGoexit, err)
			}
			st := s.Stats()
			require.EqualValues(t, 1, st.Panicked)
			require.EqualValues(t, 1, st.NotOffloaded)
			require.Equal(t, st.Queue.Pushed, accounted(st))
		})
	}
}

// No role is lost, and no lock.
func TestCtxThatPanicsOnItsCaller(t *testing.T) {
	var bad atomic.Bool
	bad.Store(true)
	ctx := custom{Context: context.Background(), err: func() error { return panicIf(&bad) }}
	require.False(t, server.OwnedAfterWait(ctx))
	s, _ := newServer(t, funcs(echo), server.Options{}, dispatcher.Options{})
	require.Panics(t, func() { s.Run(ctx) })
	within(t, "the end", func() { require.NoError(t, s.Shutdown(context.Background())) })
}

// The end of a ctx that has no error is not the server's.
func TestSilentCtx(t *testing.T) {
	released := make(chan struct{})
	s, d := newServer(t, funcs(func(context.Context, int) (int, error) { <-released; return 0, nil }), server.Options{}, dispatcher.Options{})
	require.NoError(t, d.Send(context.Background(), 1))
	require.ErrorIs(t, s.Shutdown(testx.Silent()), context.Canceled)
	close(released)
	require.NoError(t, s.Shutdown(context.Background()))
	s, _ = newServer(t, funcs(echo), server.Options{}, dispatcher.Options{})
	require.Equal(t, context.Canceled, s.Run(testx.Silent()))
	testx.Recv(t, s.Done())
}

// Stop is called with a ctx that does not end if that of Shutdown has, whatever its
// methods do by then: it is not asked any more.
func TestStopWhateverTheCtx(t *testing.T) {
	var bad atomic.Bool
	for name, f := range map[string]func() error{
		"silent": nil,
		"panics": func() error { return panicIf(&bad) },
		"exits": func() error {
			if bad.Load() {
				runtime.Goexit()
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad.Store(false)
			released := make(chan struct{})
			stopped := 0
			s, d := newServer(t, onStop{funcs(func(context.Context, int) (int, error) { <-released; return 0, nil }), func(ctx context.Context) error {
				stopped++
				require.Nil(t, ctx.Done())
				return ctx.Err()
			}}, server.Options{}, dispatcher.Options{})
			require.NoError(t, d.Send(context.Background(), 1))
			require.ErrorIs(t, s.Shutdown(custom{Context: testx.Silent(), err: f}), context.Canceled)
			bad.Store(true)
			close(released)
			testx.Recv(t, s.Done())
			require.NoError(t, s.Shutdown(context.Background()))
			require.Equal(t, 1, stopped)
		})
	}
}

type onStop struct {
	server.Funcs[int, int]
	stop func(context.Context) error
}

func (s onStop) Stop(ctx context.Context) error { return s.stop(ctx) }
