package main

import (
	"context"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
)

var began = time.Now()

// now is the time since the program began. It fits in a message better than a
// time.Time.
func now() time.Duration { return time.Since(began) }

// histogram collects latencies up to a minute, to 1 %. It is one goroutine's.
type histogram struct{ *hdrhistogram.Histogram }

func newHistogram() *histogram {
	return &histogram{hdrhistogram.New(1, int64(time.Minute), 2)}
}

func (h *histogram) record(d time.Duration) {
	// The error says that the value is out of range.
	if h.RecordValue(int64(max(d, 1))) != nil {
		_ = h.RecordValue(int64(time.Minute))
	}
}

// sample is what was measured of one kind of messages, in one run of a side.
type sample struct {
	kind    string
	n       int // messages
	wall    time.Duration
	cpu     time.Duration // of the process, user and system; 0 if unknown
	mallocs uint64
	latency *histogram
}

// client sends messages, records how long they took, and returns how many they
// were. c counts the clients.
type client func(ctx context.Context, c int, h *histogram) (int, error)

// measure runs clients until all are done, and then barrier, and returns the
// sum. The first error stops the others.
func measure(ctx context.Context, clients int, run client, barrier func(context.Context) error) (sample, error) {
	counts := make([]int, clients)
	histograms := make([]*histogram, clients)
	for c := range histograms {
		histograms[c] = newHistogram()
	}
	start := make(chan struct{})
	g, gctx := errgroup.WithContext(ctx)
	for c := 0; c < clients; c++ {
		g.Go(func() (err error) {
			<-start
			counts[c], err = run(gctx, c, histograms[c])
			return err
		})
	}
	runtime.GC() // each sample begins with a clean heap

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, wall := cpuTime(), now()
	close(start)
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	if err := barrier(ctx); err != nil {
		return sample{}, err
	}
	s := sample{wall: now() - wall, cpu: cpuTime() - cpu, latency: newHistogram()}
	runtime.ReadMemStats(&after)
	s.mallocs = after.Mallocs - before.Mallocs
	for c, h := range histograms {
		s.n += counts[c]
		s.latency.Merge(h.Histogram)
	}
	return s, nil
}
