package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Nothing is allocated per message, in any mode.
func TestAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ allocates when it likes")
		}
		m.opts.Pool = newPool(t, pool.Options{Workers: 1})
		s, plain := start(t, offloading(echo), m.opts, dispatcher.Options{})
		if m.name == "auto" || m.name == "lanes" {
			prove(t, s, plain, 1)
		}
		d, err := dispatcher.New(s, dispatcher.Options{Timeout: time.Hour})
		require.NoError(t, err)
		limited, err := dispatcher.New(s, dispatcher.Options{Timeout: time.Hour, MaxInFlight: 8, RateLimit: 1e9, Burst: 1e9})
		require.NoError(t, err)
		lanes := spread(t, s, plain, dispatcher.Options{})
		last := lanes[len(lanes)-1]
		batch := make([]int, 100)
		out := make([]dispatcher.Result[int], 100)
		for name, f := range map[string]func(){
			"request":            func() { d.Request(ctx, 1) },
			"limited request":    func() { limited.Request(ctx, 1) },
			"offloaded request":  func() { d.Request(ctx, 100) },
			"request, last lane": func() { last.Request(ctx, 1) },
			"command":            func() { d.Send(ctx, 1) },
			"command, last lane": func() { last.Send(ctx, 1) },
			"command, try":       func() { d.TrySend(1) },
			"offloaded command":  func() { d.Send(ctx, 100) },
			"100 requests":       func() { d.RequestAll(ctx, batch, out) },
			"100 commands":       func() { d.SendAll(ctx, batch) },
			"request that fails": func() { plain.Request(ctx, 1) },
		} {
			require.Zero(t, testing.AllocsPerRun(1000, f), name)
			// What is still offloaded takes its memory in the next one's time.
			testx.Eventually(t, func() bool { return s.Stats().InFlight == 0 }, "rest")
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
			c, err := d.Go(ctx, 1)
			if err == nil {
				c.Wait(ctx)
			}
		}), 1.0, "call")
	})
}

// A refusal allocates nothing either, at the queue and at the pool.
func TestRefusalAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	ctx := context.Background()
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ allocates when it likes")
		}
		m.opts.Queue.Capacity = 2
		s, d := newServer(t, funcs(echo), m.opts, dispatcher.Options{Overflow: dispatcher.Reject})
		for d.Send(ctx, 1) == nil { // nobody runs it
		}
		var err error
		require.Zero(t, testing.AllocsPerRun(100, func() { _, err = d.Request(ctx, 1) }))
		require.Equal(t, dispatcher.ErrQueueFull, err)
		require.Zero(t, testing.AllocsPerRun(100, func() { err = d.Send(ctx, 1) }))
		require.Equal(t, dispatcher.ErrQueueFull, err)
		require.NoError(t, s.Shutdown(ctx))

		p, release := stuckPool(t)
		defer release()
		m.opts.Pool = p
		s, d = start(t, offloading(echo), m.opts, dispatcher.Options{})
		testx.Eventually(t, func() bool { // the backlog holds 2, and the feeder one more
			_, err := d.Go(ctx, 100)
			return err == nil && s.Stats().Offloaded == 3
		}, "the backlog is full")
		require.Zero(t, testing.AllocsPerRun(100, func() { _, err = d.Request(ctx, 100) }))
		require.Equal(t, server.ErrPoolFull, err)
	})
}

// An idle server, with an idle pool, burns no CPU.
func TestIdleCPU(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ's own business")
		}
		m.opts.Pool = newPool(t, pool.Options{Workers: 2})
		_, d := start(t, offloading(echo), m.opts, dispatcher.Options{})
		for i := 0; i < 200; i++ {
			_, err := d.Request(context.Background(), i)
			require.NoError(t, err)
		}
		testx.Rests(t, 300*time.Millisecond)
	})
}

// The watch of a stuck handler does not look all the time, however short the limit is.
func TestTinySlowHandlerRests(t *testing.T) {
	released, entered := make(chan struct{}), make(chan struct{}, 2)
	defer close(released)
	_, d := start(t, funcs(func(context.Context, int) (int, error) {
		entered <- struct{}{}
		<-released
		return 0, nil
	}), server.Options{SlowHandler: 1}, dispatcher.Options{})
	require.NoError(t, d.Send(context.Background(), 1))
	testx.Recv(t, entered)
	require.NoError(t, d.Send(context.Background(), 1)) // starts the watch
	testx.Rests(t, 300*time.Millisecond)
}

// The round trip on an idle server, here and over the plain-channel idiom, is
// compared in bench; this is what must not be lost without anybody noticing.
func TestInlineIsUsed(t *testing.T) {
	s, d := start(t, funcs(echo), server.Options{}, dispatcher.Options{})
	prove(t, s, d, 1)
	before := s.Stats().Inline
	for i := 0; i < 1000; i++ {
		_, err := d.Request(context.Background(), i)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, s.Stats().Inline-before, uint64(900))
}
