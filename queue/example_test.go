package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	"github.com/sparkpipe/sparkpipe/queue"
)

func ExampleNewRing() {
	q, err := queue.NewRing[string](queue.Options{Capacity: 100})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("room for", q.Cap())

	_, err = queue.NewRing[string](queue.Options{Capacity: -1})
	fmt.Println(err)
	// Output:
	// room for 128
	// queue: Options.Capacity: -1 is negative
}

// Producers push, and close the queue when all is pushed; the consumer drains it
// and learns from ErrClosed that there is no more.
func ExampleRing() {
	ctx := context.Background()
	q, err := queue.NewRing[int](queue.Options{Capacity: 4})
	if err != nil {
		log.Fatal(err)
	}

	var producers sync.WaitGroup
	for p := 1; p <= 3; p++ {
		producers.Add(1)
		go func() {
			defer producers.Done()
			for i := 0; i < 10; i++ {
				if err := q.Push(ctx, p); err != nil {
					return
				}
			}
		}()
	}
	go func() {
		producers.Wait()
		q.Close()
	}()

	sum := 0
	for {
		v, err := q.Pop(ctx)
		if errors.Is(err, queue.ErrClosed) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		sum += v
	}
	fmt.Println(sum)
	// Output: 60
}

// PopBatch waits for the first value only, and takes what else is there.
func ExampleRing_PopBatch() {
	ctx := context.Background()
	q, err := queue.NewRing[int](queue.Options{Capacity: 8})
	if err != nil {
		log.Fatal(err)
	}
	n, err := q.PushBatch(ctx, []int{1, 2, 3, 4, 5})
	fmt.Println(n, err)

	batch := make([]int, 3)
	for q.Len() > 0 {
		n, err := q.PopBatch(ctx, batch)
		fmt.Println(batch[:n], err)
	}
	// Output:
	// 5 <nil>
	// [1 2 3] <nil>
	// [4 5] <nil>
}

// TryPush does not wait. What to do with a value for which there is no room is
// the caller's choice: drop it, answer "busy", or wait with Push.
func ExampleRing_TryPush() {
	q, err := queue.NewRing[string](queue.Options{Capacity: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range []string{"a", "b", "c"} {
		switch err := q.TryPush(v); {
		case errors.Is(err, queue.ErrFull):
			fmt.Println("no room for", v)
		case err != nil:
			log.Fatal(err)
		}
	}
	q.Close()
	fmt.Println(q.TryPush("d"))
	// Output:
	// no room for c
	// queue: closed
}

// Push gives up when its context ends, and the value is not queued then.
func ExampleRing_Push() {
	q, err := queue.NewRing[int](queue.Options{Capacity: 2})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println(q.Push(ctx, 1))
	cancel()
	fmt.Println(q.Push(ctx, 2))
	fmt.Println(q.Len())
	// Output:
	// <nil>
	// context canceled
	// 1
}

// New chooses the backend at run time.
func ExampleNew() {
	for _, b := range []queue.Backend{queue.BackendRing, queue.BackendChan} {
		q, err := queue.New[int](queue.Options{Backend: b})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b, q.Cap())
	}
	// Output:
	// ring 1024
	// chan 1024
}
