package pool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
)

// While the pool works, too, no more tasks have ended than were submitted, and no more
// have failed than have ended.
func TestStatsWhileItWorks(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 2, OnPanic: func(any, []byte) {}})
	tasks := 20_000
	if testx.Race || testing.Short() {
		tasks /= 10
	}
	submitted := make(chan error, 1)
	go func() {
		for range tasks {
			if err := p.Submit(bg, pool.Func(func() { panic("boom") })); err != nil {
				submitted <- err
				return
			}
		}
		submitted <- nil
	}()
	for len(submitted) == 0 {
		s := p.Stats()
		require.LessOrEqual(t, s.Done, s.Submitted)
		require.LessOrEqual(t, s.Panicked, s.Done)
	}
	require.NoError(t, <-submitted)
	require.NoError(t, p.Shutdown(bg))
	s := p.Stats()
	require.EqualValues(t, tasks, s.Submitted)
	require.EqualValues(t, tasks, s.Done)
	require.EqualValues(t, tasks, s.Panicked)
}
