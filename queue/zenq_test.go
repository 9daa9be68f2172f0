//go:build !go1.23

package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// haveZenQ says that ZenQ takes part in the suite: not under the race detector,
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
