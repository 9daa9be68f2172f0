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

// A count never goes back, though pushes are in the middle of it: sent, and not counted.
func TestChanCountsOnlyUp(t *testing.T) {
	q, err := NewChan[int](Options{Capacity: 8})
	require.NoError(t, err)
	var last Stats
	look := func(popped uint64) {
		t.Helper()
		s := q.Stats()
		require.GreaterOrEqual(t, s.Pushed, last.Pushed)
		require.GreaterOrEqual(t, s.Popped, last.Popped)
		require.LessOrEqual(t, s.Popped, popped)
		last = s
	}
	for i := 0; i < 5; i++ {
		require.NoError(t, q.TryPush(i))
		look(0)
	}
	for popped := uint64(1); popped <= 3; popped++ {
		_, ok := q.TryPop()
		require.True(t, ok)
		look(popped)
	}
	q.ch <- q.box(5)
	q.ch <- q.box(6)
	look(3)
	_, ok := q.TryPop()
	require.True(t, ok)
	look(4)
	q.pushed.Add(2) // those two
	look(4)
	require.Equal(t, Stats{Pushed: 7, Popped: 4, Len: 3, Cap: 8}, q.Stats())
}
