package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/pad"
)

// BenchmarkFloor is what the parts cost of which everything here is made, on the
// machine at hand: no queue whose values are pushed one by one costs less than
// two locked instructions on each side, and no reply that comes from another
// goroutine less than a hand-over there and back.
func BenchmarkFloor(b *testing.B) {
	b.Run("part=cas", func(b *testing.B) {
		b.ReportAllocs()
		var x atomic.Uint64
		for i := 0; i < b.N; i++ {
			x.CompareAndSwap(uint64(i), uint64(i)+1)
		}
	})
	b.Run("part=store", func(b *testing.B) {
		b.ReportAllocs()
		var x atomic.Uint64
		for i := 0; i < b.N; i++ {
			x.Store(uint64(i))
		}
	})
	b.Run("part=clock", func(b *testing.B) {
		b.ReportAllocs()
		start := time.Now()
		var d time.Duration
		for i := 0; i < b.N; i++ {
			d += time.Since(start)
		}
		if d < 0 {
			b.Fatal("the clock went back")
		}
	})
	// The two sides yield when they have waited for long: they may share one
	// processor.
	b.Run("part=line-to-another-core", func(b *testing.B) {
		b.ReportAllocs()
		var x struct {
			_ pad.Line
			n atomic.Uint64
			_ pad.Line
		}
		wait := func(want uint64) {
			for i := 1; x.n.Load() != want; i++ {
				if i%10_000 == 0 {
					runtime.Gosched()
				}
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; i < b.N; i += 2 {
				wait(uint64(i) + 1)
				x.n.Store(uint64(i) + 2)
			}
		}()
		for i := 0; i < b.N; i += 2 {
			x.n.Store(uint64(i) + 1)
			wait(uint64(i) + 2)
		}
		<-done
	})
	b.Run("part=goroutine-there-and-back", func(b *testing.B) {
		b.ReportAllocs()
		there, back := make(chan struct{}, 1), make(chan struct{}, 1)
		go echo(b.N, there, back)
		for i := 0; i < b.N; i++ {
			there <- struct{}{}
			<-back
		}
	})
	b.Run("part=the-same-with-a-select", func(b *testing.B) {
		b.ReportAllocs()
		there, back := make(chan struct{}, 1), make(chan struct{}, 1)
		never := make(chan struct{})
		go echo(b.N, there, back)
		for i := 0; i < b.N; i++ {
			there <- struct{}{}
			select {
			case <-back:
			case <-never:
			}
		}
	})
}

func echo(n int, there, back chan struct{}) {
	for i := 0; i < n; i++ {
		<-there
		back <- struct{}{}
	}
}
