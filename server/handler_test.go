package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

func TestZeroFuncs(t *testing.T) {
	failed := make(chan error, 1)
	_, d := start(t, server.Funcs[int, int]{}, server.Options{OnCommandError: func(_ any, err error) { failed <- err }}, dispatcher.Options{})
	_, err := d.Request(context.Background(), 1)
	require.ErrorContains(t, err, "Funcs.Request")
	require.ErrorIs(t, err, server.ErrNoHandler)
	require.NoError(t, d.Send(context.Background(), 1))
	err = <-failed
	require.ErrorContains(t, err, "Funcs.Command")
	require.ErrorIs(t, err, server.ErrNoHandler)
}

func TestUse(t *testing.T) {
	var trail []string
	note := func(name string) server.Middleware[int, int] {
		return func(next func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
			return func(ctx context.Context, n int) (int, error) {
				trail = append(trail, name)
				return next(ctx, n+1)
			}
		}
	}
	h := newStaged(echo)
	s, d := newServer(t, server.Use(server.Use[int, int](h, note("inner")), note("outer"), note("middle")), server.Options{}, dispatcher.Options{})
	go s.Run(context.Background())
	n, err := d.Request(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, []string{"outer", "middle", "inner"}, trail)
	require.NoError(t, s.Shutdown(context.Background()))
	require.Equal(t, []string{"start", "message", "stop"}, h.events) // still a Starter and a Stopper

	// And an Offloader.
	_, d = start(t, server.Use[int, int](offloading(echo), note("x")), server.Options{}, dispatcher.Options{})
	_, err = d.Request(context.Background(), 100)
	require.Equal(t, server.ErrNoPool, err)

	require.Panics(t, func() { server.Use[int, int](nil) })
	require.Panics(t, func() { server.Use[int, int](h, nil) })
	require.Panics(t, func() {
		server.Use[int, int](h, func(func(context.Context, int) (int, error)) func(context.Context, int) (int, error) { return nil })
	})
}

// whole is a handler with all that is optional.
type whole struct {
	server.Funcs[int, int]
	did []string
}

func (w *whole) Offload(n int) bool              { return n > 0 }
func (w *whole) Key(n int) (key uint64, ok bool) { return uint64(n), n > 1 }
func (w *whole) Start(context.Context) error     { w.did = append(w.did, "start"); return nil }
func (w *whole) Stop(context.Context) error      { w.did = append(w.did, "stop"); return errors.New("stop") }

// What a handler has beside its two methods, it has with middleware too, for whoever
// asks; also twice over, and if it is Funcs, where these are fields.
func TestUseKeepsWhatIsOptional(t *testing.T) {
	as := func(h server.Handler[int, int]) (server.Offloader[int], server.Keyer[int], server.Starter, server.Stopper) {
		used := server.Use(server.Use(h, passOn), passOn, passOn)
		return used.(server.Offloader[int]), used.(server.Keyer[int]), used.(server.Starter), used.(server.Stopper)
	}
	w := &whole{}
	offloader, keyer, starter, stopper := as(w)
	require.True(t, offloader.Offload(1))
	require.False(t, offloader.Offload(0))
	key, ok := keyer.Key(2)
	require.EqualValues(t, 2, key)
	require.True(t, ok)
	require.NoError(t, starter.Start(context.Background()))
	require.EqualError(t, stopper.Stop(context.Background()), "stop")
	require.Equal(t, []string{"start", "stop"}, w.did)

	f := funcs(echo)
	f.Offload = w.Offload
	f.Key = w.Key
	offloader, keyer, _, _ = as(f)
	require.True(t, offloader.Offload(1))
	_, ok = keyer.Key(2)
	require.True(t, ok)

	offloader, keyer, starter, stopper = as(funcs(echo)) // which has none
	require.False(t, offloader.Offload(1))
	_, ok = keyer.Key(2)
	require.False(t, ok)
	require.NoError(t, starter.Start(context.Background()))
	require.NoError(t, stopper.Stop(context.Background()))
}

func passOn(next func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
	return next
}
