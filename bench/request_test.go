package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// asker sends one request and returns its reply.
type asker func(context.Context, message) (answer, error)

// contestant makes an asker and what ends it.
type contestant struct {
	name string
	make func(testing.TB) (asker, func())
}

func overIdiom(pick func(*idiom) asker) func(testing.TB) (asker, func()) {
	return func(testing.TB) (asker, func()) {
		d := newIdiom(1024)
		return pick(d), d.close
	}
}

func overSparkpipe(so server.Options, do dispatcher.Options) func(testing.TB) (asker, func()) {
	return func(tb testing.TB) (asker, func()) {
		d, stop := newSparkpipe(tb, so, do)
		return d.Request, stop
	}
}

func newSparkpipe(tb testing.TB, so server.Options, do dispatcher.Options) (*dispatcher.Dispatcher[message, answer], func()) {
	var st state
	srv, err := server.New[message, answer](server.Funcs[message, answer]{
		Request: func(_ context.Context, m message) (answer, error) { return st.ask(m), nil },
		Command: func(_ context.Context, m message) error { st.ask(m); return nil },
	}, so)
	require.NoError(tb, err)
	d, err := dispatcher.New(srv, do)
	require.NoError(tb, err)
	go srv.Run(context.Background())
	for i := 0; i < 64; i++ { // so that Auto knows the handler
		_, err := d.Request(context.Background(), message{})
		require.NoError(tb, err)
	}
	return d, func() { require.NoError(tb, srv.Shutdown(context.Background())) }
}

// overMutex is the floor for serial state: a lock and a direct call.
func overMutex(testing.TB) (asker, func()) {
	var mu sync.Mutex
	var st state
	return func(_ context.Context, m message) (a answer, err error) {
		mu.Lock()
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v", v)
			}
			mu.Unlock()
		}()
		return st.ask(m), nil
	}, func() {}
}

var requestContestants = []contestant{
	{"idiom", overIdiom(func(d *idiom) asker { return d.plain })},
	{"idiom-ctx", overIdiom(func(d *idiom) asker { return d.withCtx })},
	{"idiom-timer", overIdiom(func(d *idiom) asker { return d.withTimer })},
	{"mutex", overMutex},
	{"sparkpipe", overSparkpipe(server.Options{}, dispatcher.Options{})},
	{"sparkpipe-timeout", overSparkpipe(server.Options{}, dispatcher.Options{Timeout: time.Minute})},
	{"sparkpipe-always", overSparkpipe(server.Options{CallerRuns: server.CallerRunsAlways}, dispatcher.Options{})},
	{"sparkpipe-never", overSparkpipe(server.Options{CallerRuns: server.CallerRunsNever}, dispatcher.Options{})},
}

// BenchmarkRequest is a round trip under a ctx that can be cancelled, with 1 to
// 1024 clients.
func BenchmarkRequest(b *testing.B) {
	for _, clients := range []int{1, 2, 8, 64, 1024} {
		for _, c := range requestContestants {
			b.Run(fmt.Sprintf("clients=%d/impl=%s", clients, c.name), func(b *testing.B) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				ask, stop := c.make(b)
				defer stop()
				b.ReportAllocs()
				b.ResetTimer()
				askAll(b, ctx, ask, clients, b.N)
			})
		}
	}
}

// askAll has clients send n requests in all, and checks each reply.
func askAll(tb testing.TB, ctx context.Context, ask asker, clients, n int) {
	var wrong atomic.Int64
	var wg sync.WaitGroup
	for c := 0; c < clients; c++ {
		share := n / clients
		if c < n%clients {
			share++
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < share; i++ {
				m := message{key: uint64(c)<<32 | uint64(i), value: 1}
				if a, err := ask(ctx, m); err != nil || a.key != m.key {
					wrong.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	if w := wrong.Load(); w > 0 {
		tb.Fatalf("%d of %d requests went wrong", w, n)
	}
}
