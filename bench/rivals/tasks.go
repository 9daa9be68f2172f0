package rivals

import (
	"context"
	"sync"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"

	"github.com/sparkpipe/sparkpipe/pool"
)

// Workers is how many tasks run at once, and Waiting how many can wait where
// that can be said.
const (
	Workers = 2
	Waiting = 1024
)

// Pool runs tasks: Submit returns when the pool has accepted one, and Close when
// all that were accepted have run.
type Pool struct {
	Submit func(task func())
	Close  func()
}

// Pooling starts a pool.
type Pooling struct {
	Name string
	Open func() Pool
}

// Pools returns the contestants.
func Pools() []Pooling {
	return []Pooling{
		{"chan", overWorkers},
		{"pool", overPool},
		{"ants", overAnts},
		{"pond", overPond},
	}
}

// overWorkers is goroutines that range over a channel of functions.
func overWorkers() Pool {
	ch := make(chan func(), Waiting)
	var wg sync.WaitGroup
	for range Workers {
		wg.Go(func() {
			for f := range ch {
				f()
			}
		})
	}
	return Pool{
		Submit: func(f func()) { ch <- f },
		Close:  func() { close(ch); wg.Wait() },
	}
}

func overPool() Pool {
	p, err := pool.New(pool.Options{Workers: Workers, QueueSize: Waiting})
	must(err)
	ctx := context.Background()
	return Pool{
		Submit: func(f func()) { must(p.Submit(ctx, pool.Func(f))) },
		Close:  func() { must(p.Shutdown(ctx)) },
	}
}

// overAnts gives ants each task by itself. Its Submit waits for a free worker;
// there is no queue.
func overAnts() Pool {
	p, err := ants.NewPool(Workers)
	must(err)
	return Pool{
		Submit: func(f func()) { must(p.Submit(f)) },
		Close:  func() { must(p.ReleaseTimeout(time.Minute)) },
	}
}

// overPond uses Go, which makes no future for the task.
func overPond() Pool {
	p := pond.NewPool(Workers, pond.WithQueueSize(Waiting))
	return Pool{
		Submit: func(f func()) { must(p.Go(f)) },
		Close:  p.StopAndWait,
	}
}
