package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/queue"
)

// line is a queue as its benchmark uses it: blocking puts and takes.
type line struct {
	put   func(int)
	take  func() (int, bool) // false: closed and drained
	close func()
}

func chanLine(capacity int) line {
	ch := make(chan int, capacity)
	return line{
		put:   func(v int) { ch <- v },
		take:  func() (int, bool) { v, ok := <-ch; return v, ok },
		close: func() { close(ch) },
	}
}

func ringLine(tb testing.TB, capacity int) line {
	q, err := queue.NewRing[int](queue.Options{Capacity: capacity})
	require.NoError(tb, err)
	ctx := context.Background()
	return line{
		put:   func(v int) { _ = q.Push(ctx, v) },
		take:  func() (int, bool) { v, err := q.Pop(ctx); return v, err == nil },
		close: q.Close,
	}
}

// BenchmarkQueue moves ints through a queue that blocks on both sides. The
// sum at the end proves that each arrived.
func BenchmarkQueue(b *testing.B) {
	for _, shape := range []struct{ producers, consumers int }{{1, 1}, {4, 1}, {64, 1}, {4, 4}} {
		for _, impl := range []string{"chan", "ring", "ring-batch"} {
			b.Run(fmt.Sprintf("shape=%dP%dC/impl=%s", shape.producers, shape.consumers, impl), func(b *testing.B) {
				const capacity = 1024
				l := chanLine(capacity)
				if impl != "chan" {
					l = ringLine(b, capacity)
				}
				if impl == "ring-batch" {
					moveBatches(b, capacity, shape.producers, shape.consumers)
					return
				}
				b.ReportAllocs()
				move(b, shape.producers, shape.consumers, func(lo, hi int) {
					for v := lo; v < hi; v++ {
						l.put(v)
					}
				}, func() (n, sum int) {
					for {
						v, ok := l.take()
						if !ok {
							return n, sum
						}
						n++
						sum += v
					}
				}, l.close)
			})
		}
	}
}

// moveBatches is move with PushBatch of 16 and PopBatch of 64.
func moveBatches(b *testing.B, capacity, producers, consumers int) {
	q, err := queue.NewRing[int](queue.Options{Capacity: capacity})
	require.NoError(b, err)
	ctx := context.Background()
	b.ReportAllocs()
	move(b, producers, consumers, func(lo, hi int) {
		var buf [16]int
		for lo < hi {
			n := min(len(buf), hi-lo)
			for i := range buf[:n] {
				buf[i] = lo + i
			}
			_, _ = q.PushBatch(ctx, buf[:n])
			lo += n
		}
	}, func() (n, sum int) {
		var buf [64]int
		for {
			k, err := q.PopBatch(ctx, buf[:])
			if err != nil {
				return n, sum
			}
			n += k
			for _, v := range buf[:k] {
				sum += v
			}
		}
	}, q.Close)
}

// move has producers put 0 to b.N-1 and consumers take them all.
func move(b *testing.B, producers, consumers int, put func(lo, hi int), take func() (n, sum int), end func()) {
	b.ResetTimer()
	var putting, taking sync.WaitGroup
	for p := 0; p < producers; p++ {
		putting.Add(1)
		go func() {
			defer putting.Done()
			put(b.N*p/producers, b.N*(p+1)/producers)
		}()
	}
	var mu sync.Mutex
	count, total := 0, 0
	for c := 0; c < consumers; c++ {
		taking.Add(1)
		go func() {
			defer taking.Done()
			n, sum := take()
			mu.Lock()
			count, total = count+n, total+sum
			mu.Unlock()
		}()
	}
	putting.Wait()
	end()
	taking.Wait()
	b.StopTimer()
	if count != b.N || total != b.N*(b.N-1)/2 {
		b.Fatalf("%d of %d arrived, sum %d", count, b.N, total)
	}
}
