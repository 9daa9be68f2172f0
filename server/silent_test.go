package server_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

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
