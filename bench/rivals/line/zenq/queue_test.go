//go:build !go1.23

package zenq

import (
	"testing"

	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
)

// BenchmarkQueue is that of package rivals, with ZenQ for the rival.
func BenchmarkQueue(b *testing.B) {
	line.Bench(b, "int", Queues[int]())
	line.Bench(b, "64B", Queues[line.Block]())
}
