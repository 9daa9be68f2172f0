package queue

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Nothing is accepted once a Close has returned, whichever it is.
func TestChanCloseTwice(t *testing.T) {
	q, err := NewChan[int](Options{})
	require.NoError(t, err)
	require.True(t, q.enter()) // a push is in the middle of it
	closed := make(chan bool, 2)
	for i := 0; i < cap(closed); i++ {
		go func() { q.Close(); closed <- true }()
	}
	for i := 0; i < 10_000; i++ {
		runtime.Gosched()
		require.Empty(t, closed)
	}
	q.leave()
	testx.Recv(t, closed)
	testx.Recv(t, closed)
	require.Equal(t, ErrClosed, q.TryPush(1))
}
