package queuetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/queue"
)

// Factory says how to make the queues under test, and of what. Only New is
// needed for values of type [Value] or int.
type Factory[T any] struct {
	// New returns an empty, open queue for at least capacity values, which is
	// at least 1. It may have more room: what Cap returns is what the suite
	// goes by. It is called from one goroutine at a time, many times.
	New func(capacity int) (queue.Queue[T], error)

	// Value returns the value of number n, from 0 to 2^30, and Number the
	// number of such a value. Number returns -1 for what Value never returns,
	// if it can tell: that is how a torn value is seen. Both are called by many
	// goroutines at once. They may be nil if T is Value or int.
	Value  func(n int) T
	Number func(v T) int

	// Breaks names the promises that the queue is known to break, with the
	// reason. Their tests are run and must fail: if one passes, Run says that
	// it is to be taken from the list.
	Breaks map[string]string

	// Skip names the promises whose tests are not run, with the reason. It is
	// for what would hang or crash; Breaks is better where it can be.
	Skip map[string]string

	// Patience is how long a test waits for what must happen. It is no bound on
	// speed and matters for a queue that fails only. 0 means a minute; negative
	// is an error.
	Patience time.Duration

	// MaxQueues bounds the rounds of the tests that open a queue in each, for
	// a queue that costs something forever. 0 means no such bound; negative is
	// an error.
	MaxQueues int
}

// Promise is one thing that a queue promises: a sub-test of Run.
type Promise struct {
	Name string // of the sub-test
	Text string // what is promised
}

// Promises lists what Run tests, in that order.
func Promises() []Promise {
	var ps []Promise
	for _, p := range promises[int]() {
		ps = append(ps, p.Promise)
	}
	return ps
}

// Run tests every promise, each in a sub-test of its name. It is to be called
// from a test that is not parallel: one promise is about the processor time of
// the process, and one counts its goroutines.
func Run[T any](t *testing.T, f Factory[T]) {
	t.Helper()
	f, err := f.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range promises[T]() {
		t.Run(p.Name, func(t *testing.T) {
			if reason, ok := f.Skip[p.Name]; ok {
				t.Skip(reason)
			}
			reason, breaks := f.Breaks[p.Name]
			if !breaks {
				p.test(newTrial(t, f))
				return
			}
			hasty := f
			hasty.Patience /= 20 // what is known to hang need not be waited for
			failures, skipped := record(t, hasty, p)
			if skipped != "" {
				t.Skip(skipped)
			}
			if len(failures) == 0 {
				t.Fatalf("this promise is kept; take it from Factory.Breaks, where the reason is: %s", reason)
			}
			first, _, _ := strings.Cut(failures[0], "\n") // without stacks
			t.Skipf("broken, as is known: %s: %s", reason, first)
		})
	}
}

func (f Factory[T]) withDefaults() (Factory[T], error) {
	var zero T
	switch {
	case f.New == nil:
		return f, fmt.Errorf("queuetest: Factory.New is nil")
	case (f.Value == nil) != (f.Number == nil):
		return f, fmt.Errorf("queuetest: Factory.Value and Factory.Number are of use together only")
	case f.Patience < 0:
		return f, fmt.Errorf("queuetest: Factory.Patience: %v is negative", f.Patience)
	case f.MaxQueues < 0:
		return f, fmt.Errorf("queuetest: Factory.MaxQueues: %d is negative", f.MaxQueues)
	}
	known := Promises()
	for field, names := range map[string]map[string]string{"Breaks": f.Breaks, "Skip": f.Skip} {
		for name := range names {
			if !slices.ContainsFunc(known, func(p Promise) bool { return p.Name == name }) {
				return f, fmt.Errorf("queuetest: Factory.%s: there is no promise %q", field, name)
			}
		}
	}
	if f.Patience == 0 {
		f.Patience = time.Minute
	}
	if f.Value != nil {
		return f, nil
	}
	// Neither numbers 0 as the zero value: a queue that makes values up is seen.
	switch any(zero).(type) {
	case Value:
		f.Value = any(NewValue).(func(int) T)
		f.Number = any(Value.Number).(func(T) int)
	case int:
		f.Value = any(func(n int) int { return n + 1 }).(func(int) T)
		f.Number = any(func(v int) int { return v - 1 }).(func(T) int)
	default:
		return f, fmt.Errorf("queuetest: Factory.Value and Factory.Number are needed for values of type %T", zero)
	}
	return f, nil
}
