//go:build go1.23

package queue_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sparkpipe/sparkpipe/queue"
)

// haveZenQ says that ZenQ takes part in the tests.
const haveZenQ = false

func TestZenQUnavailable(t *testing.T) {
	q, err := queue.New[int](queue.Options{Backend: queue.BackendZenQ})
	assert.True(t, q == nil)
	assert.ErrorIs(t, err, queue.ErrUnavailable)
	assert.ErrorContains(t, err, "ZenQ")
	assert.ErrorContains(t, err, runtime.Version(), "it says why")
}

// zenqBreaks is of use where ZenQ is.
var zenqBreaks map[string]string
