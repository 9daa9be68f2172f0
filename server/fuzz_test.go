package server_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// FuzzOptions: New never panics, its error names the field that is wrong, and
// what it returns answers a request and shuts down.
func FuzzOptions(f *testing.F) {
	f.Add("", 0, 0, byte(0), int64(0), 0, byte(0))
	f.Add("a\x00\xff", 1, 3, byte(1), int64(1), 1, byte(0))
	f.Add("name", math.MaxInt, 1, byte(1), int64(-1), 3, byte(1))
	f.Add("", 1, server.MaxConcurrency, byte(2), int64(math.MaxInt64), 2, byte(1))
	f.Add("", -1, 0, byte(0), int64(math.MinInt64), 0, byte(0))
	f.Add("", 0, -1, byte(0), int64(0), 0, byte(0))
	f.Add("", 0, server.MaxConcurrency+1, byte(0), int64(0), 0, byte(0))
	f.Add("", 0, 0, byte(3), int64(0), 0, byte(0))
	f.Add("", 0, 0, byte(0), int64(0), -1, byte(0))
	f.Add("", 0, 2, byte(0), int64(0), queue.MaxCapacity+1, byte(1))
	f.Add("", 0, 0, byte(0), int64(0), 0, byte(2))
	f.Add("", 0, 0, byte(0), int64(0), 0, byte(3))
	_, err := queue.New[int](queue.Options{Backend: queue.BackendZenQ})
	haveZenQ := err == nil
	f.Fuzz(func(t *testing.T, name string, batch, concurrency int, callerRuns byte, slow int64, capacity int, backend byte) {
		b := queue.Backend(backend)
		if capacity > 1<<12 && capacity <= queue.MaxCapacity || concurrency > 1<<8 && concurrency <= server.MaxConcurrency {
			t.Skip("as much memory, or as many goroutines, as was asked for")
		}
		if b == queue.BackendZenQ && haveZenQ {
			t.Skip("each ZenQ costs a goroutine forever")
		}
		wrong := map[string]bool{
			"Options.Batch":       batch < 0,
			"Options.Concurrency": concurrency < 0 || concurrency > server.MaxConcurrency,
			"Options.CallerRuns":  callerRuns > byte(server.CallerRunsNever),
			"Capacity":            capacity < 0 || capacity > queue.MaxCapacity,
			"Options.Backend":     b > queue.BackendZenQ,
		}
		refused := b == queue.BackendZenQ
		for _, w := range wrong {
			refused = refused || w
		}
		s, err := server.New[int, int](funcs(echo), server.Options{
			Name: name, Batch: batch, Concurrency: concurrency, CallerRuns: server.CallerRuns(callerRuns),
			SlowHandler: time.Duration(slow), Queue: queue.Options{Capacity: capacity, Backend: b},
		})
		if refused {
			require.Nil(t, s)
			named := b == queue.BackendZenQ && errors.Is(err, queue.ErrUnavailable)
			for field, w := range wrong {
				named = named || w && strings.Contains(err.Error(), field)
			}
			require.True(t, named, "%v, want one of %v", err, wrong)
			require.True(t, strings.HasPrefix(err.Error(), "server: "), "%v", err)
			return
		}
		require.NoError(t, err)
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		d, err := dispatcher.New(s, dispatcher.Options{})
		require.NoError(t, err)
		for n := range 3 {
			require.NoError(t, d.Send(context.Background(), n))
			got, err := d.Request(context.Background(), n)
			require.NoError(t, err)
			require.Equal(t, n, got)
		}
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
	})
}

// messageKind is one type of message, and how to add its routes.
type messageKind struct {
	name    string
	value   any
	request func(m *server.Mux, opts ...server.RouteOption)
	command func(m *server.Mux, opts ...server.RouteOption)
}

func kindOf[T any](v T) messageKind {
	return messageKind{
		name: fmt.Sprintf("%T", v), value: v,
		request: func(m *server.Mux, opts ...server.RouteOption) {
			server.RouteRequest(m, func(_ context.Context, v T) (string, error) { return fmt.Sprintf("%T", v), nil }, opts...)
		},
		command: func(m *server.Mux, opts ...server.RouteOption) {
			server.RouteCommand(m, func(_ context.Context, v T) error { return fmt.Errorf("handled %T", v) }, opts...)
		},
	}
}

type (
	named  int
	pair   struct{ A, B int }
	ofType [2]string
)

var messageKinds = []messageKind{
	kindOf(0), kindOf(named(0)), kindOf(""), kindOf(pair{}), kindOf(&pair{}), kindOf(ofType{}),
	kindOf(struct{}{}), kindOf([]byte(nil)), kindOf(map[string]int(nil)), kindOf(func() {}),
	kindOf(errors.New("x")), kindOf(make(chan int)), kindOf(getData{}), kindOf(new(any)),
}

// FuzzMux adds routes and sends messages in any order. Each byte is a type of
// message and what to do with it.
func FuzzMux(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 14, 28, 42, 56, 0})
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i * 91)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, ops []byte) {
		type routes struct{ request, command, offload bool }
		var m server.Mux
		model := map[string]routes{}
		panics := func(add func(*server.Mux, ...server.RouteOption), opts ...server.RouteOption) (text string) {
			defer func() {
				if r := recover(); r != nil {
					text = fmt.Sprint(r)
				}
			}()
			add(&m, opts...)
			return ""
		}
		for _, op := range ops {
			kind := messageKinds[int(op)%len(messageKinds)]
			what := int(op) / len(messageKinds)
			name := kind.name
			if strings.Contains(name, "errorString") { // its route is for the interface
				what = 99
			}
			r := model[name]
			var opts []server.RouteOption
			if what%2 == 1 {
				opts = append(opts, server.Offload())
			}
			switch what {
			case 0, 1, 2, 3:
				add, had := kind.request, &r.request
				if what >= 2 {
					add, had = kind.command, &r.command
				}
				text := panics(add, opts...)
				if *had {
					require.Contains(t, text, name, "a second route")
				} else {
					require.Empty(t, text)
					*had = true
					r.offload = r.offload || len(opts) > 0
					model[name] = r
				}
			case 99:
				require.Contains(t, panics(kind.request), "error: messages are routed by their concrete types")
				require.Contains(t, panics(kind.command), "error: messages are routed by their concrete types")
			default: // nothing is added
			}
			// What there was and is, holds.
			r = model[name]
			answer, err := m.HandleRequest(context.Background(), kind.value)
			if r.request {
				require.NoError(t, err)
				require.Equal(t, name, answer)
			} else {
				require.ErrorIs(t, err, server.ErrNoHandler)
				require.ErrorContains(t, err, name)
			}
			err = m.HandleCommand(context.Background(), kind.value)
			if r.command {
				require.EqualError(t, err, "handled "+name)
			} else {
				require.ErrorIs(t, err, server.ErrNoHandler)
				require.ErrorContains(t, err, name)
			}
			require.Equal(t, r.offload, m.Offload(kind.value))
			_, err = m.HandleRequest(context.Background(), nil)
			require.ErrorIs(t, err, server.ErrNoHandler)
		}
	})
}
