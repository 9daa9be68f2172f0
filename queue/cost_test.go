package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sparkpipe/sparkpipe/queue"
)

// Pushing and popping cost no allocation.
func TestAllocations(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		q := open[int](t, b, 8)
		batch := make([]int, 4)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			_ = q.TryPush(1)
			_ = q.Push(bg, 2)
			_, _ = q.TryPop()
			_, _ = q.Pop(bg)
			_, _ = q.PushBatch(bg, batch)
			_, _ = q.PopBatch(bg, batch)
			q.Stats()
		}))
	})
}
