package server_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

func TestNewRefuses(t *testing.T) {
	ok := funcs(echo)
	for _, tt := range []struct {
		name    string
		handler server.Handler[int, int]
		opts    server.Options
		names   string
	}{
		{"nil handler", nil, server.Options{}, "Handler"},
		{"nil pointer handler", (*server.Funcs[int, int])(nil), server.Options{}, "Handler"},
		{"negative batch", ok, server.Options{Batch: -1}, "Batch"},
		{"negative concurrency", ok, server.Options{Concurrency: -1}, "Concurrency"},
		{"absurd concurrency", ok, server.Options{Concurrency: 1 << 30}, "Concurrency"},
		{"unknown CallerRuns", ok, server.Options{CallerRuns: 99}, "CallerRuns"},
		{"negative capacity", ok, server.Options{Queue: queue.Options{Capacity: -1}}, "Queue.Capacity"},
		{"absurd capacity", ok, server.Options{Queue: queue.Options{Capacity: 1<<30 + 1}}, "Queue.Capacity"},
		{"negative capacity of loops", ok, server.Options{Concurrency: 2, Queue: queue.Options{Capacity: -1}}, "Capacity"},
		{"negative min", ok, server.Options{Adaptive: server.AdaptiveOptions{Min: -1}}, "Adaptive"},
		{"negative max", ok, server.Options{Adaptive: server.AdaptiveOptions{Max: -1}}, "Adaptive"},
		{"min without max", ok, server.Options{Adaptive: server.AdaptiveOptions{Min: 1}}, "Adaptive"},
		{"negative target", ok, server.Options{Shed: server.ShedOptions{Target: -1}}, "Shed.Target"},
		{"interval without target", ok, server.Options{Shed: server.ShedOptions{Interval: 1}}, "without Target"},
		{"law without target", ok, server.Options{Shed: server.ShedOptions{Law: server.ShedCoDel}}, "without Target"},
		{"negative interval", ok, server.Options{Shed: server.ShedOptions{Target: 1, Interval: -1}}, "Shed.Interval"},
		{"short interval", ok, server.Options{Shed: server.ShedOptions{Target: 2, Interval: 1}}, "Shed.Interval"},
		{"unknown law", ok, server.Options{Shed: server.ShedOptions{Target: 1, Law: 9}}, "Shed.Law"},
		{"unknown backend", ok, server.Options{Queue: queue.Options{Backend: 99}}, "Backend"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := server.New(tt.handler, tt.opts)
			require.Nil(t, s)
			require.ErrorContains(t, err, tt.names)
		})
	}
}

// More cells than can be addressed are an error, not a panic.
func TestTooLargeQueue(t *testing.T) {
	type big [1 << 20]byte
	_, err := server.New[big, int](server.Funcs[big, int]{}, server.Options{Queue: queue.Options{Capacity: 1 << 29}})
	require.ErrorContains(t, err, "Queue.Capacity")
}

func TestNilContext(t *testing.T) {
	s, d := start(t, funcs(echo), server.Options{}, dispatcher.Options{})
	lanes, _ := start(t, funcs(echo), server.Options{Lanes: 2, CallerRuns: server.CallerRunsAlways}, dispatcher.Options{})
	lane, err := lanes.Lane(1)
	require.NoError(t, err)
	var none context.Context
	for name, f := range map[string]func(){
		"Run":          func() { s.Run(none) },
		"Shutdown":     func() { s.Shutdown(none) },
		"Push":         func() { s.Push(none, dispatcher.Envelope[int, int]{}) },
		"PushBatch":    func() { s.PushBatch(none, nil) },
		"Request":      func() { d.Request(none, 1) },
		"TryInline":    func() { s.TryInline(none, 1) },
		"TryInlineAll": func() { s.TryInlineAll(none, []int{1}, make([]dispatcher.Result[int], 1)) },
		"Lane.Push":    func() { lane.Push(none, dispatcher.Envelope[int, int]{}) },
		"Lane.TryInline": func() {
			lane.(dispatcher.Inline[int, int]).TryInline(none, 1)
		},
		"Lane.TryInlineAll": func() {
			lane.(dispatcher.InlineAll[int, int]).TryInlineAll(none, []int{1}, make([]dispatcher.Result[int], 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() { require.Contains(t, recover(), "nil Context") }()
			f()
		})
	}
}

func TestPushWithEndedCtx(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		s, _ := newServer(t, funcs(echo), m.opts, dispatcher.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, s.Push(ctx, dispatcher.Envelope[int, int]{}), context.Canceled)
		n, err := s.PushBatch(ctx, make([]dispatcher.Envelope[int, int], 2))
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, n)
		require.Zero(t, s.Stats().Queue.Pushed)
	})
}

func TestStrings(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"auto": server.CallerRunsAuto, "always": server.CallerRunsAlways, "never": server.CallerRunsNever, "CallerRuns(7)": server.CallerRuns(7),
		"slough": server.ShedSlough, "codel": server.ShedCoDel, "ShedLaw(7)": server.ShedLaw(7),
		"block": dispatcher.Block, "reject": dispatcher.Reject, "Overflow(7)": dispatcher.Overflow(7),
	} {
		require.Equal(t, want, v.String())
	}
}

func TestErrors(t *testing.T) {
	require.ErrorIs(t, server.ErrServerClosed, dispatcher.ErrClosed)
	require.ErrorIs(t, server.ErrServerClosed, queue.ErrClosed)
	require.ErrorIs(t, server.ErrPoolFull, dispatcher.ErrOverloaded)
	require.ErrorIs(t, &server.PanicError{Value: errTest}, errTest)
	require.ErrorContains(t, &server.PanicError{Value: "boom"}, "boom")
}

func TestAfterTheEnd(t *testing.T) {
	for how, end := range map[string]func(s srv){
		"shutdown": func(s srv) { s.Shutdown(context.Background()) },
		"close":    func(s srv) { s.Close() },
	} {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				s, d := start(t, funcs(echo), m.opts, dispatcher.Options{})
				_, err := d.Request(context.Background(), 1)
				require.NoError(t, err)
				end(s)
				<-s.Done()
				_, err = d.Request(context.Background(), 1)
				require.ErrorIs(t, err, server.ErrServerClosed)
				require.ErrorIs(t, d.Send(context.Background(), 1), server.ErrServerClosed)
				require.ErrorIs(t, d.TrySend(1), server.ErrServerClosed)
				_, err = d.Go(context.Background(), 1)
				require.ErrorIs(t, err, server.ErrServerClosed)
				_, err = d.SendAll(context.Background(), []int{1, 2})
				require.ErrorIs(t, err, server.ErrServerClosed)
				out := make([]dispatcher.Result[int], 2)
				require.ErrorIs(t, d.RequestAll(context.Background(), []int{1, 2}, out), server.ErrServerClosed)
				require.ErrorIs(t, out[1].Err, server.ErrServerClosed)
			})
		})
	}
}
