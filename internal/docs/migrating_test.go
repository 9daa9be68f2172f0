package docs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// The plain-channel idiom, before.
func Example_idiom() {
	type envelope struct {
		msg   string
		reply chan int
	}
	ch := make(chan envelope, 1024)
	go func() {
		lengths := map[string]int{} // the state
		for e := range ch {
			lengths[e.msg] = len(e.msg)
			e.reply <- len(lengths)
		}
	}()
	ask := func(msg string) int {
		e := envelope{msg, make(chan int, 1)}
		ch <- e
		return <-e.reply
	}
	fmt.Println(ask("hello"))
	close(ch)
	// Output: 1
}

// The same, after.
func Example_sparkpipe() {
	ctx := context.Background()
	lengths := map[string]int{} // the state
	srv, err := server.New[string, int](server.Funcs[string, int]{
		Request: func(_ context.Context, msg string) (int, error) {
			lengths[msg] = len(msg)
			return len(lengths), nil
		},
	}, server.Options{Queue: queue.Options{Capacity: 1024}})
	if err != nil {
		panic(err)
	}
	d, err := dispatcher.New(srv, dispatcher.Options{Timeout: time.Second})
	if err != nil {
		panic(err)
	}
	go srv.Run(ctx)
	fmt.Println(d.Request(ctx, "hello"))
	fmt.Println(srv.Shutdown(ctx))
	// Output:
	// 1 <nil>
	// <nil>
}

// A queue without request and reply: what ZenQ is used for.
func Example_queue() {
	ctx := context.Background()
	q, err := queue.NewRing[int](queue.Options{Capacity: 1024})
	if err != nil {
		panic(err)
	}
	go func() {
		defer q.Close()
		for i := 1; i <= 3; i++ {
			if err := q.Push(ctx, i); err != nil {
				return // closed, or ctx ended: i was not queued
			}
		}
	}()
	for {
		v, err := q.Pop(ctx)
		if err != nil {
			break // queue.ErrClosed: closed and drained; or ctx's error
		}
		fmt.Println(v)
	}
	// Output:
	// 1
	// 2
	// 3
}

// A handler that knows the cancellation token, starts with it and is flushed at
// the end.
type journal struct {
	token context.Context
	lines []string
}

func (j *journal) Start(token context.Context) error {
	j.token = token
	return nil
}

func (j *journal) HandleRequest(_ context.Context, line string) (int, error) {
	j.lines = append(j.lines, line)
	return len(j.lines), nil
}

func (j *journal) HandleCommand(_ context.Context, line string) error {
	j.lines = append(j.lines, line)
	return nil
}

func (j *journal) Stop(context.Context) error {
	fmt.Println(len(j.lines), "lines,", j.token.Err())
	return nil
}

func Example_token() {
	ctx := context.Background()
	srv, err := server.New[string, int](&journal{}, server.Options{})
	if err != nil {
		panic(err)
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		panic(err)
	}
	go srv.Run(ctx)
	fmt.Println(d.Request(ctx, "hello"))
	fmt.Println(srv.Shutdown(ctx))
	<-srv.Done()
	fmt.Println(context.Cause(srv.Context()))
	// Output:
	// 1 <nil>
	// 1 lines, context canceled
	// <nil>
	// server: closed
}

// Overload is a refusal that says why.
func Example_overload() {
	ctx := context.Background()
	srv, err := server.New[string, int](&journal{}, server.Options{Queue: queue.Options{Capacity: 2}})
	if err != nil {
		panic(err)
	}
	d, err := dispatcher.New(srv, dispatcher.Options{Overflow: dispatcher.Reject})
	if err != nil {
		panic(err)
	}
	for i := 0; i < 3; i++ { // before Run, messages wait in the queue
		err = d.Send(ctx, "line")
	}
	fmt.Println(err)
	fmt.Println(errors.Is(err, dispatcher.ErrOverloaded), errors.Is(err, dispatcher.ErrQueueFull))
	fmt.Println(srv.Shutdown(ctx))
	// Output:
	// dispatcher: queue full
	// true true
	// 2 lines, context canceled
	// <nil>
}
