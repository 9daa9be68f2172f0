//go:build !modelcheck && !yieldhooks

package atomic_test

import (
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Who waits for a goroutine whose thread has lost its processor must not use up one:
// it may be the very one that the other needs.
func TestRelaxGivesTheProcessorAway(t *testing.T) {
	before, ok := testx.CPUTime()
	if !ok {
		t.Skip("this system does not tell the processor time")
	}
	const span = 300 * time.Millisecond
	start := time.Now()
	for i := 0; time.Since(start) < span; i++ {
		atomic.Relax(i)
	}
	after, _ := testx.CPUTime()
	if used := after - before; used > span/2 {
		t.Errorf("used a processor for %v of %v", used, span)
	}
}
