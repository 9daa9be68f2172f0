package bench

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// BenchmarkLife is what it costs to have a loop for each session: to make one, ask it
// once and end it, and the memory, stacks included, of one that waits: idle-B.
func BenchmarkLife(b *testing.B) {
	b.Run("part=channel", func(b *testing.B) { life(b, channelLoop) })
	for _, room := range []int{16, 128, queue.DefaultCapacity} {
		b.Run(fmt.Sprintf("part=server/room=%d", room), func(b *testing.B) {
			life(b, func(b *testing.B) (end func()) { return serverLoop(b, room) })
		})
	}
}

func life(b *testing.B, begin func(*testing.B) (end func())) {
	const many = 1000
	ends := make([]func(), 0, many)
	before := inUse()
	for i := 0; i < many; i++ {
		ends = append(ends, begin(b))
	}
	idle := inUse() - before
	for _, end := range ends {
		end()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		begin(b)()
	}
	b.ReportMetric(float64(idle)/many, "idle-B")
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool keeps goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func channelLoop(*testing.B) (end func()) {
	asks, ended := make(chan chan int), make(chan struct{})
	go func() {
		defer close(ended)
		for reply := range asks {
			reply <- 1
		}
	}()
	reply := make(chan int)
	asks <- reply
	<-reply
	return func() {
		close(asks)
		<-ended
	}
}

func serverLoop(b *testing.B, room int) (end func()) {
	ctx := context.Background()
	srv, err := server.New[int, int](server.Funcs[int, int]{
		Request: func(context.Context, int) (int, error) { return 1, nil },
	}, server.Options{Queue: queue.Options{Capacity: room}})
	if err != nil {
		b.Fatal(err)
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		b.Fatal(err)
	}
	go srv.Run(ctx)
	if _, err := d.Request(ctx, 1); err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := srv.Shutdown(ctx); err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(d) // until now: idle-B is of both
	}
}
