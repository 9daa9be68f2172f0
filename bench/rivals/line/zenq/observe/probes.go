//go:build !go1.23

package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alphadose/zenq/v2"
)

var probes = []struct {
	name string
	run  func() string
}{
	{"cap=2/4P1C", func() string { return move(2, 4, 1) }},
	{"cap=2/64P1C", func() string { return move(2, 64, 1) }},
	{"cap=1024/64P1C", func() string { return move(1024, 64, 1) }},
	{"cap=8/4P4C", func() string { return move(8, 4, 4) }},
	{"cap=1024/64P4C", func() string { return move(1024, 64, 4) }},
	{"close-while-writers-wait", closeWhileFull},
}

// move has the producers write 300,000 values in all, tells each consumer to
// stop with a value of its own, and says what arrived, how often a producer's
// values came in another order than they were written in, and who is stuck.
func move(capacity uint32, producers, consumers int) string {
	const total = 300_000
	type value struct{ producer, n int }
	q := zenq.New[value](capacity)
	var writing, reading sync.WaitGroup
	var written, read, inverted atomic.Int64
	for p := 0; p < producers; p++ {
		writing.Add(1)
		go func() {
			defer writing.Done()
			for n := 0; n < total/producers; n++ {
				q.Write(value{p, n})
				written.Add(1)
			}
		}()
	}
	for c := 0; c < consumers; c++ {
		reading.Add(1)
		go func() {
			defer reading.Done()
			last := make([]int, producers)
			for {
				v, _ := q.Read()
				if v.producer < 0 {
					return
				}
				read.Add(1)
				if v.n < last[v.producer] {
					inverted.Add(1)
				}
				last[v.producer] = v.n
			}
		}()
	}
	state := "all done"
	if !within(5*time.Second, writing.Wait) {
		state = "producers stuck after 5 s"
	} else {
		go func() {
			for c := 0; c < consumers; c++ {
				q.Write(value{-1, 0})
			}
		}()
		if !within(5*time.Second, reading.Wait) {
			state = "consumers stuck after 5 s"
		}
	}
	return fmt.Sprintf("%s: of %d values %d were written, %d read, %d out of their producer's order",
		state, total/producers*producers, written.Load(), read.Load(), inverted.Load())
}

// closeWhileFull closes from one of 64 writers while the others find the queue
// full, and says how many of them never return.
func closeWhileFull() string {
	const writers = 64
	q := zenq.New[int](2)
	var accepted, returned atomic.Int64
	for w := 0; w < writers; w++ {
		go func() {
			defer returned.Add(1)
			for n := 0; n < 5000; n++ {
				if q.Write(n) {
					return
				}
				accepted.Add(1)
				if w == 0 && n == 2500 {
					q.Close()
				}
			}
		}()
	}
	var read atomic.Int64
	within(5*time.Second, func() {
		for {
			if _, open := q.Read(); !open {
				return
			}
			read.Add(1)
		}
	})
	time.Sleep(time.Second)
	return fmt.Sprintf("%d of %d writers never returned; %d writes were accepted, %d values read; %d goroutines left",
		writers-returned.Load(), writers, accepted.Load(), read.Load(), runtime.NumGoroutine())
}

// within runs f and reports whether it returned in time. If not, it goes on.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
