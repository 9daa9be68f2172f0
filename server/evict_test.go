package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// In a full queue each new message takes the place of the oldest, which is told
// at once: nobody runs this server yet.
func TestDropOldest(t *testing.T) {
	for _, overflow := range []dispatcher.Overflow{dispatcher.Block, dispatcher.Reject} {
		each(t, func(t *testing.T, m mode) {
			var evicted []any
			var handled []int
			m.opts.DropOldest = true
			m.opts.Queue.Capacity = 4
			m.opts.OnCommandError = func(cmd any, err error) {
				require.Equal(t, dispatcher.ErrShed, err)
				evicted = append(evicted, cmd)
			}
			s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
				if m.serial() {
					handled = append(handled, n)
				}
				return n, nil
			}), m.opts, dispatcher.Options{Overflow: overflow})
			ctx := context.Background()
			var calls []*dispatcher.Call[int]
			for n := 0; n < 3; n++ {
				c, err := d.Go(ctx, n)
				require.NoError(t, err)
				calls = append(calls, c)
			}
			require.NoError(t, d.Send(ctx, 3))
			for n := range 3 {
				require.False(t, calls[n].Ready(), "there was room")
				require.NoError(t, d.TrySend(4+n))
				_, err := calls[n].Wait(ctx)
				require.Equal(t, dispatcher.ErrShed, err)
				require.ErrorIs(t, err, dispatcher.ErrOverloaded)
			}
			require.Empty(t, evicted)
			n, err := d.SendAll(ctx, []int{7, 8, 9, 10, 11, 12})
			require.NoError(t, err)
			require.Equal(t, 6, n)
			require.Equal(t, []any{3, 4, 5, 6, 7, 8}, evicted)
			require.NoError(t, s.Shutdown(ctx))
			if m.serial() {
				require.Equal(t, []int{9, 10, 11, 12}, handled)
			}
			require.EqualValues(t, 9, s.Stats().Evicted)
			requireAccounts(t, s)
		})
	}
}

// The server's end waits for who has an evicted message in his hands.
func TestEndWaitsForEviction(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		inHook, goOn := make(chan struct{}), make(chan struct{})
		m.opts.DropOldest = true
		m.opts.Queue.Capacity = 2
		m.opts.OnCommandError = func(any, error) {
			close(inHook)
			<-goOn
			runtime.Goexit()
		}
		s, d := newServer(t, funcs(echo), m.opts, dispatcher.Options{})
		require.NoError(t, d.Send(context.Background(), 1))
		require.NoError(t, d.Send(context.Background(), 2))
		go d.Send(context.Background(), 3)
		testx.Recv(t, inHook)
		ended := testx.Park(t, func() error { return s.Shutdown(context.Background()) })
		close(goOn)
		require.NoError(t, testx.Recv(t, ended))
		require.EqualValues(t, 1, s.Stats().Evicted)
		requireAccounts(t, s)
	})
}

// Evicting allocates nothing.
func TestEvictionAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ allocates when it likes")
		}
		m.opts.DropOldest = true
		m.opts.Queue.Capacity = 2
		s, d := newServer(t, funcs(echo), m.opts, dispatcher.Options{})
		require.Zero(t, testing.AllocsPerRun(100, func() { d.TrySend(1) }))
		require.EqualValues(t, 99, s.Stats().Evicted)
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// A call that holds up the server is noticed, though others are evicted behind
// it all the time.
func TestSlowHandlerIsNoticedBehindEvictions(t *testing.T) {
	var mu sync.Mutex
	var buf bytes.Buffer
	entered, release := make(chan struct{}), make(chan struct{})
	_, d := start(t, funcs(func(_ context.Context, n int) (int, error) {
		if n == 1 {
			close(entered)
			<-release
		}
		return n, nil
	}), server.Options{
		DropOldest: true, SlowHandler: 20 * time.Millisecond, Queue: queue.Options{Capacity: 2},
		Logger: slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil)),
	}, dispatcher.Options{})
	require.NoError(t, d.Send(context.Background(), 1))
	testx.Recv(t, entered) // or it would be evicted itself
	testx.Eventually(t, func() bool {
		require.NoError(t, d.TrySend(2))
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(buf.String(), "holds up")
	}, "the log line")
	close(release)
}
