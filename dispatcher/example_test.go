package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
)

// double serves a queue of envelopes by hand; package server does it for you.
func double(q *queue.Ring[dispatcher.Envelope[int, int]]) {
	for {
		e, err := q.Pop(context.Background())
		if err != nil {
			return // closed and drained
		}
		if e.IsRequest() && !e.Abandoned() && e.Context().Err() == nil {
			e.Reply(2*e.Message(), nil)
		}
	}
}

// A dispatcher over a queue of one's own.
func Example() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer q.Close()
	go double(q)
	d, err := dispatcher.New[int, int](q, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Request(context.Background(), 21))
	// Output: 42 <nil>
}

// With Reject, a sender is refused where it would wait, and told why: here
// because the queue is full.
func ExampleErrQueueFull() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{Capacity: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New[int, int](q, dispatcher.Options{Overflow: dispatcher.Reject})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for i := 0; i < 3; i++ {
		err = d.Send(ctx, i)
	}
	fmt.Println(err)
	fmt.Println(errors.Is(err, dispatcher.ErrOverloaded), errors.Is(err, dispatcher.ErrQueueFull))
	// Output:
	// dispatcher: queue full
	// true true
}

// More messages than the rate limit allows are refused. A wait that would be
// longer than the time there is fails with the same error, at once.
func ExampleErrRateLimited() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New[int, int](q, dispatcher.Options{RateLimit: 0.001, Burst: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.TrySend(1), d.TrySend(2))
	err = d.TrySend(3)
	fmt.Println(err)
	fmt.Println(errors.Is(err, dispatcher.ErrOverloaded), errors.Is(err, dispatcher.ErrRateLimited))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(d.Send(ctx, 3)) // the next one may pass in 1,000 s
	// Output:
	// <nil> <nil>
	// dispatcher: rate limit reached
	// true true
	// dispatcher: rate limit reached until after the deadline
}

// As many requests as MaxInFlight await their replies: the next one is refused.
func ExampleErrInFlight() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New[int, int](q, dispatcher.Options{MaxInFlight: 1, Overflow: dispatcher.Reject})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	call, err := d.Go(ctx, 21)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = d.Request(ctx, 22)
	fmt.Println(err)
	fmt.Println(errors.Is(err, dispatcher.ErrOverloaded), errors.Is(err, dispatcher.ErrInFlight))

	defer q.Close()
	go double(q) // the reply makes room for the next request
	fmt.Println(call.Wait(ctx))
	// Output:
	// dispatcher: too many requests in flight
	// true true
	// 42 <nil>
}

// A rate limit that is changed while the dispatcher works.
func ExampleDispatcher_SetRate() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New[int, int](q, dispatcher.Options{RateLimit: 0.001, Burst: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.TrySend(1))
	fmt.Println(d.TrySend(2)) // the next one in 1,000 s
	fmt.Println(d.SetRate(1e6, 0))
	fmt.Println(d.Send(context.Background(), 3)) // in a microsecond
	// Output:
	// <nil>
	// dispatcher: rate limit reached
	// <nil>
	// <nil>
}

// Several requests under way at once.
func ExampleDispatcher_Go() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer q.Close()
	go double(q)
	d, err := dispatcher.New[int, int](q, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	var calls []*dispatcher.Call[int]
	for i := 1; i <= 3; i++ {
		call, err := d.Go(ctx, i)
		if err != nil {
			fmt.Println(err)
			return
		}
		calls = append(calls, call)
	}
	for _, call := range calls {
		fmt.Println(call.Wait(ctx))
	}
	// Output:
	// 2 <nil>
	// 4 <nil>
	// 6 <nil>
}

// Many requests in one call: out[i] answers reqs[i].
func ExampleDispatcher_RequestAll() {
	q, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer q.Close()
	go double(q)
	d, err := dispatcher.New[int, int](q, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	reqs := []int{1, 2, 3}
	out := make([]dispatcher.Result[int], len(reqs))
	fmt.Println(d.RequestAll(context.Background(), reqs, out))
	fmt.Println(out)
	// Output:
	// <nil>
	// [{2 <nil>} {4 <nil>} {6 <nil>}]
}

// Of a slice of commands a prefix is accepted, and the error says why not all.
func ExampleDispatcher_SendAll() {
	q, err := queue.NewRing[dispatcher.Envelope[string, int]](queue.Options{Capacity: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New[string, int](q, dispatcher.Options{Overflow: dispatcher.Reject})
	if err != nil {
		fmt.Println(err)
		return
	}
	cmds := []string{"a", "b", "c", "d", "e", "f"}
	n, err := d.SendAll(context.Background(), cmds)
	fmt.Println(n, err)
	fmt.Println("left:", cmds[n:])
	// Output:
	// 4 dispatcher: queue full
	// left: [e f]
}

// As gives a response that is an interface, as those of a server.Mux are, its type.
func ExampleAs() {
	var reply any = []uint32{1, 2}
	data, err := dispatcher.As[[]uint32](reply, nil)
	fmt.Println(data, err)
	_, err = dispatcher.As[string](reply, nil)
	fmt.Println(err)
	// Output:
	// [1 2] <nil>
	// dispatcher: unexpected response type: want string, got []uint32
}
