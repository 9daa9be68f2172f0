package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// One server, messages of several types: two kinds of request with replies of
// their own, a command, and a graceful shutdown. The handler's state, a map and
// a slice, needs no lock.
func Example() {
	type (
		GetData    struct{ ID uint32 }
		UpdateData struct {
			ID   uint32
			Data []uint32
		}
		LogEvent struct{ Text string }
	)

	store := map[uint32][]uint32{}
	var events []string

	var mux server.Mux
	server.RouteRequest(&mux, func(_ context.Context, q GetData) ([]uint32, error) {
		data, ok := store[q.ID]
		if !ok {
			return nil, fmt.Errorf("no data with ID %d", q.ID)
		}
		return data, nil
	})
	server.RouteRequest(&mux, func(_ context.Context, q UpdateData) (int, error) {
		store[q.ID] = q.Data
		return len(q.Data), nil
	})
	server.RouteCommand(&mux, func(_ context.Context, c LogEvent) error {
		events = append(events, c.Text)
		return nil
	})

	srv, err := server.New(&mux, server.Options{Name: "store"})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ran := make(chan error)
	go func() { ran <- srv.Run(context.Background()) }()

	ctx := context.Background()
	n, err := dispatcher.As[int](d.Request(ctx, UpdateData{ID: 1, Data: []uint32{1, 2, 3}}))
	fmt.Println(n, err)
	data, err := dispatcher.As[[]uint32](d.Request(ctx, GetData{ID: 1}))
	fmt.Println(data, err)
	_, err = d.Request(ctx, GetData{ID: 2})
	fmt.Println(err)
	_, err = dispatcher.As[string](d.Request(ctx, GetData{ID: 1}))
	fmt.Println(err)
	if err := d.Send(ctx, LogEvent{"updated"}); err != nil {
		fmt.Println(err)
	}

	// Everything accepted is handled before Shutdown returns.
	fmt.Println("shutdown:", srv.Shutdown(ctx))
	fmt.Println("run:", <-ran)
	fmt.Println(events)
	_, err = d.Request(ctx, GetData{ID: 1})
	fmt.Println(err, errors.Is(err, server.ErrServerClosed))

	// Output:
	// 3 <nil>
	// [1 2 3] <nil>
	// no data with ID 2
	// dispatcher: unexpected response type: want string, got []uint32
	// shutdown: <nil>
	// run: <nil>
	// [updated]
	// server: closed true
}

// account is a handler with typed messages: nothing is boxed.
type account struct{ balance int }

func (a *account) HandleRequest(_ context.Context, deposit int) (int, error) {
	if a.balance+deposit < 0 {
		return a.balance, errors.New("not enough money")
	}
	a.balance += deposit
	return a.balance, nil
}

func (a *account) HandleCommand(_ context.Context, interest int) error {
	a.balance += a.balance * interest / 100
	return nil
}

// A handler is a type with two methods, and its fields are the state.
func ExampleNew() {
	srv, err := server.New[int, int](&account{}, server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())

	ctx := context.Background()
	fmt.Println(d.Request(ctx, 100))
	fmt.Println(d.Send(ctx, 10))
	fmt.Println(d.Request(ctx, -200))
	fmt.Println(srv.Shutdown(ctx))
	// Output:
	// 100 <nil>
	// <nil>
	// 110 not enough money
	// <nil>
}

// CPU-heavy messages go to a pool, beside the others.
func ExampleOffload() {
	type (
		Sum     struct{ Upto int }
		Version struct{}
	)
	workers, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	var mux server.Mux
	server.RouteRequest(&mux, func(_ context.Context, q Sum) (int, error) {
		sum := 0
		for i := 1; i <= q.Upto; i++ {
			sum += i
		}
		return sum, nil
	}, server.Offload())
	server.RouteRequest(&mux, func(context.Context, Version) (string, error) { return "v1", nil })

	srv, err := server.New(&mux, server.Options{Pool: workers})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())

	ctx := context.Background()
	fmt.Println(d.Request(ctx, Sum{1000}))
	fmt.Println(d.Request(ctx, Version{}))
	fmt.Println(srv.Shutdown(ctx))     // first the server,
	fmt.Println(workers.Shutdown(ctx)) // then its pool
	// Output:
	// 500500 <nil>
	// v1 <nil>
	// <nil>
	// <nil>
}

// What offloaded calls find out goes to a second server, which owns it and ends
// after the first: one that had to take its own back would refuse it while it shuts
// down.
func ExampleOffloader() {
	ctx := context.Background()
	sum := 0 // the state: the second server's
	totals, err := server.New[int, int](server.Funcs[int, int]{
		Command: func(_ context.Context, square int) error {
			sum += square
			return nil
		},
	}, server.Options{Name: "totals"})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := dispatcher.New(totals, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	workers, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	jobs, err := server.New[int, int](server.Funcs[int, int]{
		Command: func(ctx context.Context, n int) error { return found.Send(ctx, n*n) },
		Offload: func(int) bool { return true },
	}, server.Options{Name: "jobs", Pool: workers})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(jobs, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go totals.Run(ctx)
	go jobs.Run(ctx)
	for n := 1; n <= 100; n++ {
		if err := d.Send(ctx, n); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(jobs.Shutdown(ctx), workers.Shutdown(ctx), totals.Shutdown(ctx))
	fmt.Println(sum)
	// Output:
	// <nil> <nil> <nil>
	// 338350
}

// Deposits run on the pool: one after the other for each account, whose balance
// therefore needs no lock, and beside those for other accounts.
func ExampleKeyer() {
	type Deposit struct {
		Account string
		Amount  int
	}
	workers, err := pool.New(pool.Options{Workers: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	balances := map[string]*int{"alice": new(int), "bob": new(int)}
	h := server.Funcs[Deposit, int]{
		Command: func(_ context.Context, d Deposit) error {
			*balances[d.Account] += d.Amount
			return nil
		},
		Offload: func(Deposit) bool { return true },
		Key:     func(d Deposit) (uint64, bool) { return server.HashKey(d.Account), true },
	}
	srv, err := server.New[Deposit, int](h, server.Options{Pool: workers})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())
	ctx := context.Background()
	for i := 1; i <= 100; i++ {
		d.Send(ctx, Deposit{"alice", 1})
		d.Send(ctx, Deposit{"bob", 2})
	}
	fmt.Println(srv.Shutdown(ctx), workers.Shutdown(ctx))
	fmt.Println(*balances["alice"], *balances["bob"])
	// Output:
	// <nil> <nil>
	// 100 200
}

// What waits is handled by its urgency: here, while the server has not begun.
func ExampleOptions_lanes() {
	srv, err := server.New[string, int](server.Funcs[string, int]{
		Command: func(_ context.Context, what string) error {
			fmt.Println(what)
			return nil
		},
	}, server.Options{Lanes: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	urgent, err := dispatcher.New(srv, dispatcher.Options{}) // lane 0
	if err != nil {
		fmt.Println(err)
		return
	}
	background, err := dispatcher.New(srv, dispatcher.Options{Lane: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	background.Send(ctx, "sweep the floor")
	background.Send(ctx, "water the plants")
	urgent.Send(ctx, "put out the fire")
	fmt.Println(srv.Shutdown(ctx))
	// Output:
	// put out the fire
	// sweep the floor
	// water the plants
	// <nil>
}

// Middleware wraps the handling of requests.
func ExampleUse() {
	logged := func(next func(context.Context, string) (string, error)) func(context.Context, string) (string, error) {
		return func(ctx context.Context, req string) (string, error) {
			resp, err := next(ctx, req)
			fmt.Printf("%s -> %s, %v\n", req, resp, err)
			return resp, err
		}
	}
	h := server.Funcs[string, string]{
		Request: func(_ context.Context, name string) (string, error) { return "hello, " + name, nil },
	}
	srv, err := server.New(server.Use(server.Handler[string, string](h), logged), server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())
	d.Request(context.Background(), "gopher")
	srv.Shutdown(context.Background())
	// Output: gopher -> hello, gopher, <nil>
}

// A panic is the outcome of the call that panicked; the server goes on.
func ExamplePanicError() {
	h := server.Funcs[int, int]{
		Request: func(_ context.Context, n int) (int, error) { return 100 / n, nil },
	}
	srv, err := server.New[int, int](h, server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())
	_, err = d.Request(context.Background(), 0)
	var p *server.PanicError
	fmt.Println(errors.As(err, &p), p.Value)
	fmt.Println(d.Request(context.Background(), 4))
	srv.Shutdown(context.Background())
	// Output:
	// true runtime error: integer divide by zero
	// 25 <nil>
}

// A handler that panics starts again, with clean state. What is sent meanwhile
// waits for it.
func ExampleSupervise() {
	h, err := server.Supervise(func() (server.Handler[int, int], error) {
		sum := 0 // the state
		return server.Funcs[int, int]{
			Request: func(_ context.Context, n int) (int, error) {
				sum += 100
				sum += 100 / n
				return sum, nil
			},
		}, nil
	}, server.RestartOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv, err := server.New(h, server.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())
	ctx := context.Background()
	fmt.Println(d.Request(ctx, 4))
	fmt.Println(d.Request(ctx, 0))
	fmt.Println(d.Request(ctx, 4))
	fmt.Println(srv.Shutdown(ctx), srv.Stats().Restarts)
	// Output:
	// 125 <nil>
	// 0 server: handler panicked: runtime error: integer divide by zero
	// 125 <nil>
	// <nil> 1
}

// The pool and the backlog before it hold what they hold; more is refused, and
// the server goes on with other messages.
func ExampleErrPoolFull() {
	workers, err := pool.New(pool.Options{Workers: 1, QueueSize: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	release := make(chan struct{})
	srv, err := server.New[int, int](server.Funcs[int, int]{
		Request: func(_ context.Context, n int) (int, error) {
			if n > 0 {
				<-release
			}
			return n, nil
		},
		Offload: func(n int) bool { return n > 0 },
	}, server.Options{Pool: workers, Queue: queue.Options{Capacity: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())
	ctx := context.Background()
	for !errors.Is(err, server.ErrPoolFull) {
		call, err1 := d.Go(ctx, 1)
		if err1 != nil {
			fmt.Println(err1)
			return
		}
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		_, err = call.Wait(short) // for its refusal: those that were accepted wait on
		cancel()
	}
	fmt.Println(err)
	fmt.Println(errors.Is(err, dispatcher.ErrOverloaded), errors.Is(err, server.ErrPoolFull))
	fmt.Println(d.Request(ctx, 0))
	close(release)
	fmt.Println(srv.Shutdown(ctx), workers.Shutdown(ctx))
	// Output:
	// server: pool full
	// true true
	// 0 <nil>
	// <nil> <nil>
}
