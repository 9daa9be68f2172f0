package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"code.hybscloud.com/lfq"
	"github.com/smarty/go-disruptor"

	"github.com/sparkpipe/sparkpipe/bench/rivals"
)

func lfqLoss() string {
	small, large := lfq.NewMPMC[int](8), lfq.NewMPMC[int](1024)
	return "capacity 8: " + loss(small.Enqueue, small.Dequeue, small.Drain) +
		"; 1024: " + loss(large.Enqueue, large.Dequeue, large.Drain)
}

func lfqSeqLoss() string {
	small, large := lfq.NewMPMCSeq[int](8), lfq.NewMPMCSeq[int](1024)
	return "capacity 8: " + loss(small.Enqueue, small.Dequeue, func() {}) +
		"; 1024: " + loss(large.Enqueue, large.Dequeue, func() {})
}

// loss moves a million values from four producers to four consumers. These go
// on for half a second after the last value that came.
func loss(enqueue func(*int) error, dequeue func() (int, error), drain func()) string {
	const goroutines, total = 4, 1_000_000
	seen := make([]atomic.Int32, total)
	var put, took sync.WaitGroup
	var end atomic.Bool
	for p := range goroutines {
		put.Go(func() {
			for v := p; v < total; v += goroutines {
				for enqueue(&v) != nil {
					runtime.Gosched()
				}
			}
		})
		took.Go(func() {
			last := time.Now()
			for i := 0; ; i++ {
				if v, err := dequeue(); err == nil {
					seen[v].Add(1)
					i = 0
					continue
				}
				if i == 1 {
					last = time.Now()
				}
				if end.Load() && i > 1 && time.Since(last) > time.Second/2 {
					return
				}
				runtime.Gosched()
			}
		})
	}
	if !within(20*time.Second, put.Wait) {
		return "the producers are stuck after 20 s"
	}
	drain()
	end.Store(true)
	took.Wait()
	lost, twice := 0, 0
	for i := range seen {
		switch seen[i].Load() {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	return fmt.Sprintf("of %d values %d were lost and %d came more than once", total, lost, twice)
}

type counter struct{ n atomic.Int64 }

func (c *counter) Handle(lower, upper int64) { c.n.Add(upper - lower + 1) }

// disruptorFull has 64 writers put 5,000 events through a ring of 1024, five
// times with the wait strategy that is the default and five times with Spin.
func disruptorFull() string {
	slowest := func(wait disruptor.WaitStrategy) (slow time.Duration) {
		for range 5 {
			slow = max(slow, fill(wait))
		}
		return slow.Round(time.Millisecond)
	}
	return fmt.Sprintf("64 writers, 5,000 events, capacity 1024, slowest of 5: %v; when it waits with Gosched: %v",
		slowest(nil), slowest(rivals.Spin{}))
}

func fill(wait disruptor.WaitStrategy) time.Duration {
	const writers, total = 64, 5000
	c := new(counter)
	d, err := open(c, 1024, writers, wait)
	if err != nil {
		panic(err)
	}
	start := time.Now()
	go d.Listen()
	defer d.Close()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < total; i += writers {
				s := d.Reserve(1)
				d.Commit(s, s)
			}
		})
	}
	wg.Wait()
	for c.n.Load() != total {
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

func open(h disruptor.Handler, capacity uint32, writers uint8, wait disruptor.WaitStrategy) (disruptor.Disruptor, error) {
	o := disruptor.Options
	strategy := o.NewHandlerGroup()
	if wait != nil {
		strategy = o.WaitStrategy(wait)
	}
	return disruptor.New(o.BufferCapacity(capacity), o.WriterCount(writers), o.NewHandlerGroup(h), strategy)
}
