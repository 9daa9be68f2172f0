package queue_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Nobody spins: while consumers wait for a value and producers for room, the
// process does nothing.
func TestIdleBurnsNoCPU(t *testing.T) {
	if _, ok := testx.CPUTime(); !ok {
		t.Skip("this system does not tell how much CPU was used")
	}
	each(t, func(t *testing.T, b queue.Backend) {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		empty, filled := open[int](t, b, 2), filled(t, b, 2)
		var got []<-chan popped
		var pushed []<-chan error
		for i := range pops {
			got = append(got, parkPop(t, ctx, empty, pops[i].do))
			pushed = append(pushed, parkPush(t, ctx, filled, pushes[i].do, -1))
		}
		runtime.GC() // so that the collector has had its turn

		const window = 200 * time.Millisecond
		before, _ := testx.CPUTime()
		start := time.Now()
		time.Sleep(window)
		wall := time.Since(start)
		after, _ := testx.CPUTime()

		// One goroutine that spins is a whole core, of which a quarter is far from
		// what anything else in this process takes.
		assert.Less(t, after-before, wall/4, "in %v", wall)

		empty.Close()
		filled.Close()
		for i := range got {
			require.Equal(t, queue.ErrClosed, testx.Recv(t, got[i]).err)
			require.Equal(t, queue.ErrClosed, testx.Recv(t, pushed[i]))
		}
	})
}
