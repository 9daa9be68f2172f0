package server_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// The newest messages matter more than the oldest: of four quotes, a queue of two
// keeps the last two, and who sent the others knows at once.
func ExampleOptions_dropOldest() {
	h := server.Funcs[string, string]{
		Request: func(_ context.Context, quote string) (string, error) { return "saw " + quote, nil },
	}
	srv, err := server.New[string, string](h, server.Options{DropOldest: true, Queue: queue.Options{Capacity: 2}})
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
	var calls []*dispatcher.Call[string]
	for _, quote := range []string{"100.1", "100.2", "100.3", "100.4"} { // nobody handles them yet
		call, err := d.Go(ctx, quote)
		if err != nil {
			fmt.Println(err)
			return
		}
		calls = append(calls, call)
	}
	_, err = calls[0].Wait(ctx)
	fmt.Println(err, errors.Is(err, dispatcher.ErrShed), errors.Is(err, dispatcher.ErrOverloaded))
	fmt.Println(srv.Shutdown(ctx)) // handles what is left
	for _, call := range calls[1:] {
		fmt.Println(call.Wait(ctx))
	}
	// Output:
	// dispatcher: shed true true
	// <nil>
	//  dispatcher: shed
	// saw 100.3 <nil>
	// saw 100.4 <nil>
}

// A server that would rather refuse than answer late: while no message of the
// last 50 ms has waited less than 2 ms, it drops those that have waited 4 ms.
func ExampleShedOptions() {
	h := server.Funcs[int, int]{
		Request: func(_ context.Context, n int) (int, error) {
			time.Sleep(time.Millisecond)
			return n, nil
		},
	}
	srv, err := server.New[int, int](h, server.Options{Shed: server.ShedOptions{Target: 2 * time.Millisecond}})
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

	reqs := make([]int, 64) // 64 requests at once, until the queue was bad for long enough
	out := make([]dispatcher.Result[int], len(reqs))
	shed := 0
	for i := 0; i < 100 && shed == 0; i++ {
		d.RequestAll(ctx, reqs, out)
		for _, r := range out {
			if errors.Is(r.Err, dispatcher.ErrShed) {
				shed++
			}
		}
	}
	fmt.Println("some were shed:", shed > 0)
	fmt.Println(srv.Shutdown(ctx))
	// Output:
	// some were shed: true
	// <nil>
}
