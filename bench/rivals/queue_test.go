package rivals

import (
	"testing"

	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
)

// BenchmarkQueue moves values of one word and of 64 bytes through a queue of
// 1024 that is put to and taken from until all have arrived.
func BenchmarkQueue(b *testing.B) {
	line.Bench(b, "int", Queues[int]())
	line.Bench(b, "64B", Queues[line.Block]())
}
