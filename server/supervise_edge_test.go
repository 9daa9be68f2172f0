package server_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Middleware inside and outside, Funcs, a Mux, an Offload that chooses and one
// that panics.
func TestSuperviseComposes(t *testing.T) {
	count := new(atomic.Int64)
	mw := func(next func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
		return func(ctx context.Context, n int) (int, error) {
			if n == 99 {
				panic("in the middleware")
			}
			count.Add(1)
			return next(ctx, n)
		}
	}
	build := func() (server.Handler[int, int], error) {
		h := funcs(misbehave)
		h.Offload = func(n int) bool {
			if n == 98 {
				panic("in Offload")
			}
			return n == 50 || n == doPanicErr
		}
		return h, nil
	}
	for name, f := range map[string]func() (server.Handler[int, int], error){
		"Use(Supervise)": func() (server.Handler[int, int], error) {
			h, err := server.Supervise(build, eager)
			return server.Use(h, mw), err
		},
		"Supervise(Use)": func() (server.Handler[int, int], error) {
			return server.Supervise(func() (server.Handler[int, int], error) {
				h, err := build()
				return server.Use(h, mw), err
			}, eager)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				count.Store(0)
				h, err := f()
				require.NoError(t, err)
				m.opts.Pool = newPool(t, pool.Options{Workers: 2})
				s, d := start(t, h, m.opts, dispatcher.Options{})
				ask := func(n int) error { _, err := d.Request(context.Background(), n); return err }
				require.NoError(t, ask(1))
				require.NoError(t, ask(50))
				require.EqualValues(t, 2, count.Load())
				testx.Eventually(t, func() bool { return s.Stats().Offloaded == 1 }, "it is counted")
				require.Error(t, ask(doPanic))
				require.Error(t, ask(doPanicErr)) // on the pool
				require.NoError(t, ask(50))
				testx.Eventually(t, func() bool { return s.Stats().Offloaded == 3 }, "they are counted")
				require.EqualValues(t, 2, s.Stats().Restarts)
				require.ErrorContains(t, ask(99), "in the middleware")
				require.NoError(t, ask(1))
				want := uint64(2)
				if strings.HasPrefix(name, "Supervise") {
					want++ // it is part of the handler
				}
				require.Equal(t, want, s.Stats().Restarts)
				require.ErrorContains(t, ask(98), "in Offload")
				require.NoError(t, ask(1))
				require.Equal(t, want+1, s.Stats().Restarts)
			})
		})
	}
	var mux server.Mux
	boxed, err := server.Supervise(func() (server.Handler[any, any], error) { return &mux, nil }, eager)
	require.NoError(t, err)
	_, err = server.New(boxed, server.Options{})
	require.NoError(t, err)
}

func TestSuperviseInput(t *testing.T) {
	build := func() (server.Handler[int, int], error) { return funcs(echo), nil }
	for name, f := range map[string]func() (server.Handler[int, int], error){
		"nil build": func() (server.Handler[int, int], error) { return server.Supervise[int, int](nil, eager) },
		"nil Handler": func() (server.Handler[int, int], error) {
			return server.Supervise(func() (server.Handler[int, int], error) { return nil, nil }, eager)
		},
		"Within": func() (server.Handler[int, int], error) {
			return server.Supervise(build, server.RestartOptions{Within: -1})
		},
		"MaxBackoff": func() (server.Handler[int, int], error) {
			return server.Supervise(build, server.RestartOptions{MaxBackoff: -1})
		},
		"less than Backo": func() (server.Handler[int, int], error) {
			return server.Supervise(build, server.RestartOptions{Backoff: 2, MaxBackoff: 1})
		},
		"a supervised": func() (server.Handler[int, int], error) {
			return server.Supervise(func() (server.Handler[int, int], error) { return server.Supervise(build, eager) }, eager)
		},
	} {
		_, err := f()
		require.ErrorContains(t, err, name)
	}
	h, err := server.Supervise(build, server.RestartOptions{})
	require.NoError(t, err)
	_, err = h.HandleRequest(context.Background(), 1)
	require.ErrorContains(t, err, "not given to New")
	require.ErrorContains(t, h.HandleCommand(context.Background(), 1), "not given to New")
	_, err = server.New(h, server.Options{Batch: -1})
	require.Error(t, err, "and h is still free")
	_, err = server.New(h, server.Options{})
	require.NoError(t, err)
	_, err = server.New(h, server.Options{})
	require.ErrorContains(t, err, "has a server")

	// A wrapper of one's own hides it, which must not go unseen.
	h, err = server.Supervise(build, eager)
	require.NoError(t, err)
	_, d := start(t, struct{ server.Handler[int, int] }{h}, server.Options{}, dispatcher.Options{})
	_, err = d.Request(context.Background(), 1)
	require.True(t, err != nil && !errors.Is(err, server.ErrServerClosed))
}

// Close before Run: a Stopper that is no Starter is stopped, as without
// Supervise; one that is a Starter was not started and is not.
func TestSupervisedNeverStarted(t *testing.T) {
	var tr troupe
	s, _ := newServer(t, tr.supervise(t, eager), server.Options{}, dispatcher.Options{})
	s.Close()
	<-s.Done()
	require.Zero(t, tr.all()[0].stops.Load())
	stops := 0
	h, err := server.Supervise(func() (server.Handler[int, int], error) { return stopper{funcs(echo), &stops}, nil }, eager)
	require.NoError(t, err)
	s, _ = newServer(t, h, server.Options{}, dispatcher.Options{})
	s.Close()
	<-s.Done()
	require.Equal(t, 1, stops)
}

type stopper struct {
	server.Handler[int, int]
	stops *int
}

func (s stopper) Stop(context.Context) error { *s.stops++; return nil }
