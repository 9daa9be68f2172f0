package queuetest_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/queue/queuetest"
)

// A backend of one's own is tested by one function; here it is the channel of
// package queue.
func ExampleRun() {
	TestConformance := func(t *testing.T) {
		queuetest.Run(t, queuetest.Factory[queuetest.Value]{
			New: func(capacity int) (queue.Queue[queuetest.Value], error) {
				return queue.NewChan[queuetest.Value](queue.Options{Capacity: capacity})
			},
		})
	}
	_ = TestConformance // a top-level function in a file that ends in _test.go
}

// A queue of bytes, such as a bridge to another process, says how to make a
// value of a number, and the number of a value.
func ExampleFactory() {
	TestBridge := func(t *testing.T) {
		queuetest.Run(t, queuetest.Factory[string]{
			New: func(capacity int) (queue.Queue[string], error) {
				return queue.NewChan[string](queue.Options{Capacity: capacity})
			},
			Value: func(n int) string { return strings.Repeat("#", n%7) + strconv.Itoa(n) },
			Number: func(s string) int {
				digits := strings.TrimLeft(s, "#")
				n, err := strconv.Atoi(digits)
				if err != nil || len(s)-len(digits) != n%7 {
					return -1 // torn
				}
				return n
			},
			Skip: map[string]string{"PoppedIsNotKept": "the other process is free to keep it"},
		})
	}
	_ = TestBridge
}
