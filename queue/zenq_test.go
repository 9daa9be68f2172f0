//go:build !go1.23

package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// haveZenQ says that ZenQ takes part in the tests: not under the race detector,
// which crashes inside ZenQ, whatever is done with it.
const haveZenQ = !testx.Race

// ZenQ's own limits are errors and not, as in ZenQ, a smaller queue or a wrong
// stride.
func TestZenQLimits(t *testing.T) {
	if !haveZenQ {
		t.Skip("under the race detector")
	}
	_, err := queue.New[int](queue.Options{Capacity: 1<<16 + 1, Backend: queue.BackendZenQ})
	assert.EqualError(t, err, "queue: Options.Capacity: 65537 is above ZenQ's 65536")
	_, err = queue.New[[1 << 20]byte](queue.Options{Capacity: 2, Backend: queue.BackendZenQ})
	assert.EqualError(t, err, "queue: Options.Backend: ZenQ cannot hold values of 1048576 bytes")
	assert.Equal(t, 1<<16, open[int](t, queue.BackendZenQ, 1<<16).Cap())
}

// zenqBreaks is what the docs of BackendZenQ and of its type say. That the other
// promises are kept is the work of that type: ZenQ by itself is not put to the
// test here, since it hangs and crashes.
var zenqBreaks = map[string]string{
	"PoppedIsNotKept":       "ZenQ does not clear a cell; the value is kept until the cell is used again",
	"DroppedQueueIsGarbage": "ZenQ's goroutine refers to the queue forever",
	"LeavesNoGoroutine":     "zenq.New starts a goroutine that nobody can end",
}
