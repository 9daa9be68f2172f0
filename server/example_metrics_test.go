package server_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// The numbers of a server in the text format of Prometheus, for a handler of
// /metrics. Each message is in one of the results, so that they can be added up.
// Dispatchers, queues and pools have Stats, too.
func ExampleServer_Stats() {
	metrics := func(w io.Writer, name string, s server.Stats) {
		for _, m := range []struct {
			result string
			n      uint64
		}{
			{"request_on_caller", s.Inline}, {"request", s.Requests}, {"command", s.Commands},
			{"expired", s.Expired}, {"refused", s.Refused}, {"shed", s.Shed}, {"evicted", s.Evicted},
			{"pool_full", s.PoolFull}, {"not_offloaded", s.NotOffloaded},
		} {
			fmt.Fprintf(w, "server_messages_total{server=%q,result=%q} %d\n", name, m.result, m.n)
		}
		fmt.Fprintf(w, "server_failures_total{server=%q} %d\n", name, s.Failed+s.Panicked)
		fmt.Fprintf(w, "server_queue_length{server=%q} %d\n", name, s.Queue.Len)
		if s.Timing == nil {
			return
		}
		h := s.Timing.Handler // its Buckets are too many for a histogram of Prometheus
		fmt.Fprintf(w, "server_handler_seconds{server=%q,quantile=\"0.99\"} %g\n", name, h.P99.Seconds())
		fmt.Fprintf(w, "server_handler_seconds_sum{server=%q} %g\n", name, h.Sum.Seconds())
		fmt.Fprintf(w, "server_handler_seconds_count{server=%q} %d\n", name, h.Count)
	}

	h := server.Funcs[int, int]{Request: func(_ context.Context, n int) (int, error) { return n, nil }}
	srv, err := server.New[int, int](h, server.Options{CallerRuns: server.CallerRunsNever}) // Timing: true for the last three
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	go srv.Run(ctx)
	for n := 0; n < 3; n++ {
		if _, err := d.Request(ctx, n); err != nil {
			fmt.Println(err)
		}
	}
	if err := srv.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	metrics(os.Stdout, "echo", srv.Stats())
	// Output:
	// server_messages_total{server="echo",result="request_on_caller"} 0
	// server_messages_total{server="echo",result="request"} 3
	// server_messages_total{server="echo",result="command"} 0
	// server_messages_total{server="echo",result="expired"} 0
	// server_messages_total{server="echo",result="refused"} 0
	// server_messages_total{server="echo",result="shed"} 0
	// server_messages_total{server="echo",result="evicted"} 0
	// server_messages_total{server="echo",result="pool_full"} 0
	// server_messages_total{server="echo",result="not_offloaded"} 0
	// server_failures_total{server="echo"} 0
	// server_queue_length{server="echo"} 0
}
