package server_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

type (
	getData  struct{ id uint32 }
	logEvent struct{ text string }
	hash     struct{ data string }
)

func newMux(t *testing.T, opts server.Options) (*server.Mux, *dispatcher.Dispatcher[any, any]) {
	var mux server.Mux
	s, err := server.New(&mux, opts)
	require.NoError(t, err)
	d, err := dispatcher.New(s, dispatcher.Options{})
	require.NoError(t, err)
	go s.Run(context.Background())
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return &mux, d
}

func TestMux(t *testing.T) {
	failed := make(chan error, 1)
	mux, d := newMux(t, server.Options{OnCommandError: func(_ any, err error) { failed <- err }})
	ctx := context.Background()
	logged := make(chan string, 1)
	server.RouteRequest(mux, func(_ context.Context, q getData) ([]uint32, error) { return []uint32{q.id}, nil })
	server.RouteRequest(mux, func(_ context.Context, q *getData) (string, error) { return fmt.Sprint("pointer ", q.id), nil })
	server.RouteCommand(mux, func(_ context.Context, c logEvent) error { logged <- c.text; return nil })

	data, err := dispatcher.As[[]uint32](d.Request(ctx, getData{7}))
	require.NoError(t, err)
	require.Equal(t, []uint32{7}, data)
	text, err := dispatcher.As[string](d.Request(ctx, &getData{7}))
	require.NoError(t, err)
	require.Equal(t, "pointer 7", text)
	require.NoError(t, d.Send(ctx, logEvent{"hello"}))
	require.Equal(t, "hello", <-logged)

	_, err = dispatcher.As[string](d.Request(ctx, getData{7}))
	require.ErrorIs(t, err, dispatcher.ErrResponseType)
	require.ErrorContains(t, err, "string")
	require.ErrorContains(t, err, "[]uint32")

	for _, msg := range []any{nil, 42, logEvent{}} { // a command type is no request type
		_, err = d.Request(ctx, msg)
		require.ErrorIs(t, err, server.ErrNoHandler)
		require.ErrorContains(t, err, fmt.Sprintf("%T", msg))
	}
	for _, msg := range []any{nil, 42, getData{}} {
		require.NoError(t, d.Send(ctx, msg))
		require.ErrorIs(t, <-failed, server.ErrNoHandler)
	}
}

func TestMuxOffload(t *testing.T) {
	mux, d := newMux(t, server.Options{Pool: newPool(t, pool.Options{Workers: 1})})
	server.RouteRequest(mux, func(_ context.Context, h hash) (string, error) { return h.data + goid(), nil }, server.Offload())
	require.True(t, mux.Offload(hash{}))
	require.False(t, mux.Offload(getData{}))
	require.False(t, mux.Offload(nil))
	_, err := d.Request(context.Background(), hash{"x"})
	require.NoError(t, err)
}

func TestRoutePanics(t *testing.T) {
	request := func(context.Context, getData) (int, error) { return 0, nil }
	command := func(context.Context, getData) error { return nil }
	for _, tt := range []struct {
		name  string
		f     func(m *server.Mux)
		names string
	}{
		{"duplicate request", func(m *server.Mux) { server.RouteRequest(m, request); server.RouteRequest(m, request) }, "server_test.getData"},
		{"duplicate command", func(m *server.Mux) { server.RouteCommand(m, command); server.RouteCommand(m, command) }, "server_test.getData"},
		{"nil request", func(m *server.Mux) { server.RouteRequest[getData, int](m, nil) }, "server_test.getData"},
		{"nil command", func(m *server.Mux) { server.RouteCommand[getData](m, nil) }, "server_test.getData"},
		{"interface", func(m *server.Mux) {
			server.RouteCommand(m, func(context.Context, fmt.Stringer) error { return nil })
		}, "fmt.Stringer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() { require.Contains(t, fmt.Sprint(recover()), tt.names) }()
			tt.f(new(server.Mux))
		})
	}
	// A request and a command of one type are two routes.
	var m server.Mux
	server.RouteRequest(&m, request)
	server.RouteCommand(&m, command)
}
