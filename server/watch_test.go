//go:build go1.25

package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// watched is inBubble that returns how many slow calls were logged.
func watched(t *testing.T, h server.Handler[int, int], so server.Options, f func(t *testing.T, s srv, d disp)) int {
	var mu sync.Mutex
	var buf bytes.Buffer
	so.Logger = slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil))
	inBubble(t, h, so, f)
	return strings.Count(buf.String(), "holds up the queue")
}

// volley is n commands, and those from the one at on are of ms milliseconds each.
func volley(n, at, ms int) []int {
	cmds := make([]int, n)
	for i := at; i < n; i++ {
		cmds[i] = ms
	}
	return cmds
}

// Calls of 40 ms that were popped in one hand, after quick ones, are not one of a
// second, wherever in the hand they begin; neither for the watch nor for Shutdown.
func TestQuickCallsAreNotOneSlowOne(t *testing.T) {
	for first := 900; first < 900+32; first++ {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var buf bytes.Buffer
			s, d := newServer(t, funcs(sleepy), server.Options{
				SlowHandler: 500 * time.Millisecond,
				Logger:      slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &buf}, nil)),
			}, dispatcher.Options{})
			_, err := d.SendAll(context.Background(), volley(1000, first, 40))
			require.NoError(t, err)
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			said := saysAfter(t, s, time.Second+time.Millisecond)
			require.NotContains(t, said, "has not returned for 1")
			require.NotRegexp(t, `has not returned for \d{3}ms`, said)
			require.NoError(t, s.Shutdown(context.Background()))
			require.NoError(t, <-ran)
			require.NotContains(t, buf.String(), "holds up")
		})
	}
}

// A call that does not return is seen to hold up those that were popped with it, and
// is not when it was the last.
func TestSlowHandlerInAHand(t *testing.T) {
	for behind := 0; behind < 34; behind++ {
		const n = 1000
		cmds := make([]int, n)
		cmds[n-1-behind] = 1000
		logged := watched(t, funcs(sleepy), server.Options{SlowHandler: 100 * time.Millisecond}, func(t *testing.T, s srv, d disp) {
			_, err := d.SendAll(context.Background(), cmds)
			require.NoError(t, err)
		})
		require.Equal(t, min(behind, 1), logged, behind)
	}
}

// What senders do to the queue while a call does not return is none of its doing: it
// is logged, once.
func TestSlowHandlerBehindEvictions(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ parks in its own way")
		}
		m.opts.DropOldest = true
		m.opts.Queue.Capacity = 4
		m.opts.SlowHandler = 100 * time.Millisecond
		logged := watched(t, funcs(sleepy), m.opts, func(t *testing.T, s srv, d disp) {
			for i := 0; i < max(1, m.opts.Concurrency); i++ {
				require.NoError(t, d.Send(context.Background(), 1000))
			}
			synctest.Wait()
			impatient, err := dispatcher.New(s, dispatcher.Options{Timeout: 7 * time.Millisecond})
			require.NoError(t, err)
			// Half of what is evicted is not awaited any more. The rest of the call would
			// not be long enough by itself.
			for i := 0; i < 130; i++ {
				require.NoError(t, d.Send(context.Background(), 0))
				_, err := impatient.Request(context.Background(), 0)
				require.Error(t, err)
			}
			require.Positive(t, s.Stats().Evicted)
			require.Positive(t, s.Stats().Expired)
		})
		require.Equal(t, 1, logged)
	})
}
