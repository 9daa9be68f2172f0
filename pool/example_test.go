package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/pool"
)

func Example() {
	p, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	var sum atomic.Int64
	for i := 1; i <= 100; i++ {
		if err := p.Submit(ctx, pool.Func(func() { sum.Add(int64(i)) })); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(p.Shutdown(ctx)) // runs what was submitted
	fmt.Println(sum.Load())
	// Output:
	// <nil>
	// 5050
}

// TrySubmit refuses where Submit would wait.
func ExamplePool_TrySubmit() {
	p, err := pool.New(pool.Options{Workers: 1, QueueSize: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	stuck := make(chan struct{})
	for err == nil {
		err = p.TrySubmit(pool.Func(func() { <-stuck }))
	}
	fmt.Println(errors.Is(err, pool.ErrFull))
	close(stuck)
	fmt.Println(p.Shutdown(context.Background()))
	// Output:
	// true
	// <nil>
}
