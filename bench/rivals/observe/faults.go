package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	wqueue "github.com/Workiva/go-datastructures/queue"
	nats "github.com/nats-io/nats.go"
	"github.com/panjf2000/ants/v2"
	"github.com/puzpuzpuz/xsync/v4"

	"github.com/sparkpipe/sparkpipe/bench/rivals"
	"github.com/sparkpipe/sparkpipe/queue"
)

// faults looks for each fault and prints what it saw. Some depend on timing and
// are not seen in every run.
func faults() {
	for _, f := range []struct {
		name string
		look func() string
	}{
		{"ants: goroutines of the import", antsImport}, // before any pool is made
		{"xsync-mpmc: refused while not full", func() string {
			q := xsync.NewMPMCQueue[int](roomy)
			return refusals(q.TryEnqueue)
		}},
		{"workiva: refused while not full", func() string {
			q := wqueue.NewRingBuffer(roomy)
			return refusals(func(v int) bool { ok, _ := q.Offer(v); return ok })
		}},
		{"our ring: refused while not full", func() string {
			q, err := queue.NewRing[int](queue.Options{Capacity: roomy})
			if err != nil {
				return err.Error()
			}
			return refusals(func(v int) bool { return q.TryPush(v) == nil })
		}},
		{"workiva: Dispose loses what is queued", workivaDispose},
		{"lfq MPMC, the default one: lost values", lfqLoss},
		{"lfq MPMCSeq: lost values", lfqSeqLoss},
		{"ants: Submit(nil)", antsNil},
		{"nats: messages for a slow subscriber", natsDrop},
		{"disruptor, default wait, full ring", disruptorFull},
	} {
		said := "still not done after a minute"
		within(time.Minute, func() { said = f.look() })
		fmt.Printf("%s: %s\n", f.name, said)
	}
}

// roomy is a capacity that refusals cannot fill.
const roomy = 1 << 20

// refusals has four goroutines push 100,000 values each to an empty queue of
// roomy places, and counts how often it refused.
func refusals(push func(int) bool) string {
	const producers, each = 4, 100_000
	var refused atomic.Int64
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for v := range each {
				for !push(v) {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return fmt.Sprintf("%d refusals for %d values in a queue of %d", refused.Load(), producers*each, roomy)
}

func workivaDispose() string {
	q := wqueue.NewRingBuffer(16)
	for v := range 10 {
		_ = q.Put(v)
	}
	q.Dispose()
	_, err := q.Get()
	return fmt.Sprintf("10 queued; Get after Dispose: %v", err)
}

func antsNil() string {
	p, err := ants.NewPool(1)
	if err != nil {
		return err.Error()
	}
	defer p.Release()
	err = p.Submit(nil)
	time.Sleep(100 * time.Millisecond)
	return fmt.Sprintf("Submit(nil) returned %v, and %d workers are left", err, p.Running())
}

// antsImport counts the goroutines that ants has started without being asked
// for a pool.
func antsImport() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for _, g := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(g, "created by github.com/panjf2000/ants") {
			n++
		}
	}
	return fmt.Sprint(n)
}

// natsDrop publishes to a subscriber whose handler does not return, over the
// server that the benchmark uses.
func natsDrop() string {
	conn, stop, err := rivals.NATS()
	if err != nil {
		return err.Error()
	}
	defer stop()
	conn.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}) // which prints
	block := make(chan struct{})
	sub, err := conn.Subscribe("slow", func(*nats.Msg) { <-block })
	if err != nil {
		return err.Error()
	}
	defer close(block)
	msgs, _, _ := sub.PendingLimits()
	if err := sub.SetPendingLimits(1024, -1); err != nil {
		return err.Error()
	}
	failed := 0
	for range 10_000 {
		if conn.Publish("slow", nil) != nil {
			failed++
		}
	}
	_ = conn.Flush()
	dropped, _ := sub.Dropped()
	return fmt.Sprintf("of 10,000 Publish %d failed and %d messages were dropped, with a limit of 1,024 (the default is %d)", failed, dropped, msgs)
}
