package queuetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// bg is the context of what is not to be cancelled. Its Done is nil, for which
// queues tend to have a way of their own.
var bg = context.Background()

// trial is one run of one promise's test. It stands between the test and its
// testing.TB: it may note failures instead of reporting them, for what is known
// to fail, and it drops the reports of goroutines that outlive a test that hangs.
type trial[T any] struct {
	testing.TB
	f      Factory[T]
	noting bool
	way    string // the method under test, where there are several; for the reports

	mu       sync.Mutex
	over     bool
	failures []string
	skipped  string
	cleanups []func()
}

func newTrial[T any](t testing.TB, f Factory[T]) *trial[T] {
	c := &trial[T]{TB: t, f: f}
	t.Cleanup(c.end)
	return c
}

// record runs p's test and returns how it failed, if it did, or why it does not
// apply.
func record[T any](t testing.TB, f Factory[T], p promise[T]) (failures []string, skipped string) {
	c := &trial[T]{TB: t, f: f, noting: true}
	done := make(chan struct{})
	go func() { // a goroutine of its own, for FailNow to end
		defer close(done)
		defer c.end()
		defer func() {
			if r := recover(); r != nil {
				c.Errorf("panic: %v", r)
			}
		}()
		p.test(c)
	}()
	<-done
	return c.failures, c.skipped
}

// end releases those that still wait, in a test that failed.
func (c *trial[T]) end() {
	c.mu.Lock()
	c.over = true
	cleanups := c.cleanups
	c.cleanups = nil
	c.mu.Unlock()
	for _, f := range cleanups {
		ended := make(chan struct{})
		go func() { defer close(ended); c.quietly(f) }()
		timer := time.NewTimer(c.f.Patience)
		select {
		case <-ended:
		case <-timer.C: // the test that is about it says so
		}
		timer.Stop()
	}
}

// quietly runs f, whose panic is no news if the trial is about failures.
func (c *trial[T]) quietly(f func()) {
	defer func() {
		if r := recover(); r != nil && !c.noting {
			panic(r)
		}
	}()
	f()
}

// Patience is how long package testx waits.
func (c *trial[T]) Patience() time.Duration { return c.f.Patience }

func (c *trial[T]) Cleanup(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cleanups = append(c.cleanups, f)
}

func (c *trial[T]) Errorf(format string, args ...any) {
	c.TB.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	text := fmt.Sprintf(format, args...)
	if c.way != "" {
		text = c.way + ": " + text
	}
	if c.noting {
		c.failures = append(c.failures, text)
	} else {
		c.TB.Errorf("%s", text)
	}
}

func (c *trial[T]) FailNow() {
	if c.noting {
		runtime.Goexit()
	}
	c.TB.FailNow()
}

func (c *trial[T]) Fatalf(format string, args ...any) {
	c.TB.Helper()
	c.Errorf(format, args...)
	c.FailNow()
}

func (c *trial[T]) Skipf(format string, args ...any) {
	if c.noting {
		c.skipped = fmt.Sprintf(format, args...)
		runtime.Goexit()
	}
	c.TB.Helper()
	c.TB.Skipf(format, args...)
}

// must ends the test unless ok.
func (c *trial[T]) must(ok bool, format string, args ...any) {
	if !ok {
		c.TB.Helper()
		c.Fatalf(format, args...)
	}
}

// same ends the test unless got is want; what says what it is.
func same[V comparable, T any](c *trial[T], what string, got, want V) {
	if got != want {
		c.TB.Helper()
		c.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// sameAll is same for numbers of values.
func (c *trial[T]) sameAll(what string, got, want []int) {
	c.TB.Helper()
	same(c, what, fmt.Sprint(got), fmt.Sprint(want))
}

// open returns an empty queue. At the end of the test it is drained and closed.
func (c *trial[T]) open(capacity int) queue.Queue[T] {
	c.TB.Helper()
	q := c.make(capacity)
	c.Cleanup(func() {
		for i := q.Cap(); i > 0; i-- {
			q.TryPop() // a Close that waits for this has a test of its own
		}
		q.Close()
	})
	return q
}

// make is open for who closes the queue, or drops it.
func (c *trial[T]) make(capacity int) queue.Queue[T] {
	c.TB.Helper()
	q, err := c.f.New(capacity)
	c.must(err == nil, "Factory.New(%d): %v", capacity, err)
	c.must(q != nil, "Factory.New(%d) returned nil", capacity)
	c.must(q.Cap() >= capacity, "Cap is %d for a queue that was asked for %d", q.Cap(), capacity)
	return q
}

// filled returns a full queue of 0, 1, 2 and so on.
func (c *trial[T]) filled(capacity int) queue.Queue[T] {
	c.TB.Helper()
	q := c.open(capacity)
	for i := 0; i < q.Cap(); i++ {
		c.push(q, i)
	}
	return q
}

// push queues a value, for which there must be room.
func (c *trial[T]) push(q queue.Queue[T], n int) {
	if err := q.TryPush(c.f.Value(n)); err != nil {
		c.TB.Helper()
		c.Fatalf("TryPush with %d of %d: %v", q.Len(), q.Cap(), err)
	}
}

// pop takes a value, which must be there.
func (c *trial[T]) pop(q queue.Queue[T]) int {
	v, ok := q.TryPop()
	if !ok {
		c.TB.Helper()
		c.Fatalf("TryPop says empty with %d of %d", q.Len(), q.Cap())
	}
	return c.f.Number(v)
}

// drain takes what is there and returns the numbers.
func (c *trial[T]) drain(q queue.Queue[T]) (ns []int) {
	for {
		v, ok := q.TryPop()
		if !ok {
			return ns
		}
		ns = append(ns, c.f.Number(v))
	}
}

func (c *trial[T]) numbers(vs []T) []int {
	ns := make([]int, len(vs))
	for i, v := range vs {
		ns[i] = c.f.Number(v)
	}
	return ns
}

// values returns the values of from, from+1, and so on to to-1.
func (c *trial[T]) values(from, to int) []T {
	vs := make([]T, 0, to-from)
	for n := from; n < to; n++ {
		vs = append(vs, c.f.Value(n))
	}
	return vs
}

// span returns from to to-1.
func span(from, to int) (ns []int) {
	for n := from; n < to; n++ {
		ns = append(ns, n)
	}
	return ns
}

// scaled is how many steps a long test takes.
func (c *trial[T]) scaled(n int) int {
	if testx.Race || testing.Short() {
		n /= 10
	}
	if c.f.MaxQueues > 0 {
		n /= 10 // it is slow too
	}
	return n
}

// rounds is how many rounds a test has that opens a queue in each.
func (c *trial[T]) rounds(n int) int {
	if n = c.scaled(n); c.f.MaxQueues > 0 {
		n = min(n, c.f.MaxQueues)
	}
	return n
}

func (c *trial[T]) join(fs ...func())   { c.TB.Helper(); testx.Join(c, fs...) }
func (c *trial[T]) atOnce(fs ...func()) { c.TB.Helper(); testx.AtOnce(c, fs...) }
