package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sparkpipe/sparkpipe/internal/testx"
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

// Nor do waiting for room and waiting for a value.
func TestWaitingAllocates(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	each(t, func(t *testing.T, b queue.Backend) {
		for _, capacity := range []int{2, 64} { // without and with pauses
			q := open[int](t, b, capacity)
			popped := make(chan struct{})
			consume := func() {
				for {
					v, err := q.Pop(bg)
					if err != nil {
						return
					}
					if v < 0 {
						popped <- struct{}{}
					}
				}
			}
			done := testx.Park(t, func() error { consume(); return nil })
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				for i := 1; i <= 4*capacity; i++ {
					_ = q.Push(bg, i)
				}
				_ = q.Push(bg, -1)
				<-popped // so that the consumer waits, too
			}), "capacity %d", capacity)
			q.Close()
			testx.Recv(t, done)
		}
	})
}
