package bench

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"
)

// BenchmarkQueue moves payloads through a queue that blocks on both sides. Those
// of a cache line's size go through one capacity only: what the capacity changes
// is how often somebody sleeps.
func BenchmarkQueue(b *testing.B) {
	for _, shape := range []struct{ producers, consumers int }{{1, 1}, {4, 1}, {64, 1}, {4, 4}} {
		for _, capacity := range []int{32, 1024, 65536} {
			moves(b, shape.producers, shape.consumers, capacity, "int", queueContestants[int]())
		}
		moves(b, shape.producers, shape.consumers, 1024, "64B", queueContestants[wide]())
	}
}

func moves(b *testing.B, producers, consumers, capacity int, payload string, cs []queueContestant) {
	for _, c := range cs {
		name := fmt.Sprintf("shape=%dP%dC/cap=%d/payload=%s/impl=%s", producers, consumers, capacity, payload, c.name)
		b.Run(name, func(b *testing.B) { move(b, c.make(b, capacity), producers, consumers) })
	}
}

// move has producers put 0 to b.N-1 and consumers take them all. The sum at the
// end proves that each arrived.
func move(b *testing.B, l line, producers, consumers int) {
	const warm = 1 << 10
	for v := 0; v < warm; v += putBatch { // for the queue's memory; nobody sleeps yet
		l.put(0, putBatch)
		l.take(putBatch)
	}
	var taking sync.WaitGroup
	var mu sync.Mutex
	count, total := 0, 0
	for c := 0; c < consumers; c++ {
		taking.Add(1)
		go func() {
			defer taking.Done()
			n, sum := l.take(math.MaxInt)
			mu.Lock()
			count, total = count+n, total+sum
			mu.Unlock()
		}()
	}
	together(b, producers, func(_, lo, hi int) { l.put(lo, hi) })
	l.close()
	taking.Wait()
	b.StopTimer()
	if want := int(uint64(b.N) * uint64(b.N-1) / 2); count != b.N || total != want {
		b.Errorf("%d of %d arrived, sum %d", count, b.N, total)
	}
}

// BenchmarkBurst sends 100 payloads to a consumer that sleeps, and waits until
// it sleeps again. An op is a burst: from its first put until its last payload
// is taken.
func BenchmarkBurst(b *testing.B) {
	bursts(b, "int", queueContestants[int]())
	bursts(b, "64B", queueContestants[wide]())
}

func bursts(b *testing.B, payload string, cs []queueContestant) {
	const size = 100
	for _, c := range cs {
		b.Run(fmt.Sprintf("size=%d/payload=%s/impl=%s", size, payload, c.name), func(b *testing.B) {
			l := c.make(b, 1024)
			taken := make(chan time.Time, 1)
			sums := make(chan int, 1)
			go func() {
				total := 0
				for n, sum := l.take(size); n > 0; n, sum = l.take(size) {
					total += sum
					taken <- time.Now()
				}
				sums <- total
			}()
			burst := func() time.Duration {
				rest()
				start := time.Now()
				l.put(0, size)
				return (<-taken).Sub(start)
			}
			burst()
			b.ReportAllocs()
			b.ResetTimer()
			var spent time.Duration
			for i := 0; i < b.N; i++ {
				spent += burst()
			}
			b.StopTimer()
			b.ReportMetric(float64(spent)/float64(b.N), "ns/op")
			l.close()
			if got, want := <-sums, (b.N+1)*size*(size-1)/2; got != want {
				b.Errorf("the sum is %d and not %d", got, want)
			}
		})
	}
}

// rest gives others some 50 microseconds to go to sleep, on this processor too.
func rest() {
	for us := 0; us < 50; us++ {
		_ = burn(microseconds(1), 1)
		runtime.Gosched()
	}
}
