package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/panjf2000/ants/v2"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// workers is how many goroutines run tasks, on all sides.
const workers = 2

// runner is one way to run tasks on workers.
type runner struct {
	name string
	make func(testing.TB) (submit func(func()), stop func())
}

var runners = []runner{
	{"chan", func(testing.TB) (func(func()), func()) { // goroutines that range over a channel
		ch := make(chan func(), pool.DefaultQueueSize)
		var wg sync.WaitGroup
		for i := 0; i < workers; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for f := range ch {
					f()
				}
			}()
		}
		return func(f func()) { ch <- f }, func() { close(ch); wg.Wait() }
	}},
	{"ants", func(tb testing.TB) (func(func()), func()) { // ants.Submit for each task
		// With its purge, a Submit that waits can be left asleep forever.
		p, err := ants.NewPool(workers, ants.WithDisablePurge(true))
		require.NoError(tb, err)
		return func(f func()) { _ = p.Submit(f) }, p.Release
	}},
	{"pool", func(tb testing.TB) (func(func()), func()) {
		p, err := pool.New(pool.Options{Workers: workers})
		require.NoError(tb, err)
		ctx := context.Background()
		return func(f func()) { _ = p.Submit(ctx, pool.Func(f)) }, func() { require.NoError(tb, p.Shutdown(ctx)) }
	}},
}

// jobs are what CPU-heavy messages have to be done.
var jobs = []struct {
	name string
	do   func(key uint64) uint64
}{
	{"empty", func(key uint64) uint64 { return key }},
	{"sha256-4KiB", func(key uint64) uint64 {
		sum := sha256.Sum256(text[:])
		return key + binary.LittleEndian.Uint64(sum[:])
	}},
}

var text [4096]byte

// BenchmarkTask runs tasks to which nobody waits for an answer.
func BenchmarkTask(b *testing.B) {
	for _, job := range jobs {
		for _, clients := range []int{1, 64} {
			for _, r := range runners {
				b.Run(fmt.Sprintf("work=%s/clients=%d/impl=%s", job.name, clients, r.name), func(b *testing.B) {
					submit, stop := r.make(b)
					defer stop()
					var warm, done sync.WaitGroup
					warm.Add(1)
					submit(warm.Done)
					warm.Wait()
					done.Add(b.N)
					task := func() {
						job.do(1)
						done.Done()
					}
					together(b, clients, func(_, lo, hi int) {
						for v := lo; v < hi; v++ {
							submit(task)
						}
					})
					done.Wait() // for each task once: one more would panic
					b.StopTimer()
				})
			}
		}
	}
}

// BenchmarkOffload is a request that a worker handles: over the idiom, the
// owner passes the envelope on to a channel of workers; over idiom-direct, the
// client knows which requests are for the workers, and sends it to them itself.
func BenchmarkOffload(b *testing.B) {
	for _, job := range jobs {
		for _, clients := range []int{1, 64} {
			run(b, fmt.Sprintf("work=%s/clients=%d", job.name, clients), []contestant{
				{"idiom-ctx", func(tb testing.TB, s setup) *side { return idiomWorkers(job.do) }},
				{"idiom-direct", func(tb testing.TB, s setup) *side { return idiomDirect(job.do) }},
				{"sparkpipe", func(tb testing.TB, s setup) *side { return offloading(tb, job.do) }},
			}, setup{}, func(b *testing.B, ctx context.Context, s *side) { askAll(b, ctx, s, clients, client{}) })
		}
	}
}

// parallel is the handler of offloaded messages: calls overlap.
type parallel struct {
	sum atomic.Uint64
	do  func(uint64) uint64
}

func (p *parallel) ask(m message) answer {
	p.sum.Add(m.value)
	return answer{m.key, p.do(m.key)}
}

func idiomWorkers(do func(uint64) uint64) *side {
	p := parallel{do: do}
	d := &idiom{ch: make(chan envelope, idiomCapacity)}
	work := make(chan envelope, pool.DefaultQueueSize)
	d.done.Add(1 + workers)
	go func() {
		defer d.done.Done()
		for e := range d.ch {
			work <- e
		}
		close(work)
	}()
	return d.byWorkers(&p, work)
}

func idiomDirect(do func(uint64) uint64) *side {
	d := &idiom{ch: make(chan envelope, pool.DefaultQueueSize)}
	d.done.Add(workers)
	return d.byWorkers(&parallel{do: do}, d.ch)
}

// byWorkers makes a side of workers that take from work.
func (d *idiom) byWorkers(p *parallel, work chan envelope) *side {
	for i := 0; i < workers; i++ {
		go func() {
			defer d.done.Done()
			for e := range work {
				e.reply <- result{Value: p.ask(e.msg)}
			}
		}()
	}
	return &side{request: d.withCtx, stop: func() uint64 {
		close(d.ch)
		d.done.Wait()
		return p.sum.Load()
	}}
}

func offloading(tb testing.TB, do func(uint64) uint64) *side {
	h := parallel{do: do}
	p, err := pool.New(pool.Options{Workers: workers})
	require.NoError(tb, err)
	srv, err := server.New[message, answer](server.Funcs[message, answer]{
		Request: func(_ context.Context, m message) (answer, error) { return h.ask(m), nil },
		Offload: func(message) bool { return true },
	}, server.Options{Pool: p})
	require.NoError(tb, err)
	d, err := dispatcher.New(srv, dispatcher.Options{})
	require.NoError(tb, err)
	ctx := context.Background()
	go srv.Run(ctx)
	return &side{request: d.Request, stop: func() uint64 {
		require.NoError(tb, srv.Shutdown(ctx))
		require.NoError(tb, p.Shutdown(ctx))
		return h.sum.Load()
	}}
}
