package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// BenchmarkTask runs tasks that do nothing on two workers: goroutines that
// range over a channel, and the pool.
func BenchmarkTask(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d/impl=chan", clients), func(b *testing.B) {
			ch := make(chan func(), 1024)
			var workers sync.WaitGroup
			for i := 0; i < 2; i++ {
				workers.Add(1)
				go func() {
					defer workers.Done()
					for f := range ch {
						f()
					}
				}()
			}
			runTasks(b, clients, func(f func()) { ch <- f })
			close(ch)
			workers.Wait()
		})
		b.Run(fmt.Sprintf("clients=%d/impl=pool", clients), func(b *testing.B) {
			p, err := pool.New(pool.Options{Workers: 2})
			require.NoError(b, err)
			ctx := context.Background()
			runTasks(b, clients, func(f func()) { _ = p.Submit(ctx, pool.Func(f)) })
			require.NoError(b, p.Shutdown(ctx))
		})
	}
}

func runTasks(b *testing.B, clients int, submit func(func())) {
	b.ReportAllocs()
	var done sync.WaitGroup
	done.Add(b.N)
	task := func() { done.Done() }
	b.ResetTimer()
	for c := 0; c < clients; c++ {
		go func() {
			for n := b.N*(c+1)/clients - b.N*c/clients; n > 0; n-- {
				submit(task)
			}
		}()
	}
	done.Wait()
	b.StopTimer()
}

// BenchmarkOffload is a request that a worker handles: over the idiom, the
// owner passes the envelope on to a channel of workers.
func BenchmarkOffload(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d/impl=idiom-ctx", clients), func(b *testing.B) {
			d := &idiom{ch: make(chan envelope, 1024)}
			work := make(chan envelope, 1024)
			d.done.Add(3)
			go func() {
				defer d.done.Done()
				for e := range d.ch {
					work <- e
				}
				close(work)
			}()
			for i := 0; i < 2; i++ {
				go func() {
					defer d.done.Done()
					for e := range work {
						e.reply <- result{answer: answer{key: e.msg.key}}
					}
				}()
			}
			b.ReportAllocs()
			b.ResetTimer()
			askAll(b, ctx, d.withCtx, clients, b.N)
			b.StopTimer()
			d.close()
		})
		b.Run(fmt.Sprintf("clients=%d/impl=sparkpipe", clients), func(b *testing.B) {
			p, err := pool.New(pool.Options{Workers: 2})
			require.NoError(b, err)
			srv, err := server.New[message, answer](server.Funcs[message, answer]{
				Request: func(_ context.Context, m message) (answer, error) { return answer{key: m.key}, nil },
				Offload: func(message) bool { return true },
			}, server.Options{Pool: p})
			require.NoError(b, err)
			d, err := dispatcher.New(srv, dispatcher.Options{})
			require.NoError(b, err)
			go srv.Run(ctx)
			b.ReportAllocs()
			b.ResetTimer()
			askAll(b, ctx, d.Request, clients, b.N)
			b.StopTimer()
			require.NoError(b, srv.Shutdown(ctx))
			require.NoError(b, p.Shutdown(ctx))
		})
	}
}
