// Hotpath is an HTTP service as a user of the library would write it: handlers
// of net/http send requests and commands to a server that owns a key-value
// state, and that offloads what needs the CPU.
//
//	GET  /kv/{key}           a request: the value, or 404
//	PUT  /kv/{key}           a request: 204
//	POST /log                a command: 202, the line will be logged
//	GET  /log                a request: the newest lines
//	POST /digest?rounds=100  a request for the pool: SHA-256 of the body, iterated
//
// Too much to do is 503 with Retry-After; a deadline that passed is 504. SIGTERM
// and SIGINT drain: what was accepted is answered, then the service prints one
// line that says so, and ends with status 0.
//
// With -impl chan the same handlers send to goroutines over plain channels.
// load.sh loads both with wrk and prints them side by side.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drainTimeout bounds the end. It is more than the 5 seconds for which
// http.Server waits for the first request of a connection that is new.
const drainTimeout = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main, until ctx ends. The result is the exit status: 2 for a bad
// command line, 1 if the service failed or somebody was left without an answer.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c config
	flags := flag.NewFlagSet("hotpath", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 chooses one")
	flags.StringVar(&c.impl, "impl", "sparkpipe", "what is behind the handlers: `sparkpipe or chan`")
	flags.IntVar(&c.queue, "queue", 1024, "how many messages can wait, and how many digests")
	flags.IntVar(&c.workers, "workers", 0, "how many digests run at once; 0: GOMAXPROCS")
	flags.DurationVar(&c.timeout, "timeout", time.Second, "deadline of each request; 0: none")
	flags.IntVar(&c.inflight, "inflight", 0, "how many requests may be under way; 0: no limit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintln(stderr, "hotpath: unexpected argument:", flags.Arg(0))
		return 2
	}
	b, err := c.start()
	if err != nil {
		fmt.Fprintln(stderr, "hotpath:", err)
		return 2
	}
	if err := serve(ctx, c, &service{backend: b}, stdout); err != nil {
		fmt.Fprintln(stderr, "hotpath:", err)
		return 1
	}
	return 0
}

// serve serves until ctx ends, and then drains from the outside in: the HTTP
// server first, so that every handler has returned when the backend goes. A
// request that net/http has read but not yet given to a handler is dropped with
// its connection: it was not accepted, and its client sees the connection end.
func serve(ctx context.Context, c config, s *service, stdout io.Writer) error {
	ln, err := net.Listen("tcp", c.addr)
	if err != nil {
		return errors.Join(err, s.backend.shutdown(context.Background())) // nothing waits in it
	}
	fmt.Fprintf(stdout, "hotpath: impl=%s listening on %s\n", c.impl, ln.Addr())
	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(ln) }()
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err = errors.Join(err, web.Shutdown(drain), s.backend.shutdown(drain))
	n := s.backend.stats()
	fmt.Fprintf(stdout, "hotpath: impl=%s %s accepted=%d answered=%d commands=%d handled=%d\n",
		c.impl, &s.tally, n.accepted, n.answered, n.commands, n.handled)
	if n.answered != n.accepted || n.handled != n.commands {
		err = errors.Join(err, errors.New("not everything that was accepted was answered and handled"))
	}
	return err
}
