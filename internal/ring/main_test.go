//go:build !modelcheck

package ring

import (
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestMain(m *testing.M) { testx.Main(m) }

// starts are first positions from which a ring soon meets an edge: of 32 bits,
// of the sign bit, and of uint64, since positions are in steps of 4.
var starts = []uint64{0, 1<<30 - 3, 1<<32 - 3, 1<<61 - 3, 1 << 61, 1<<62 - 3, 1<<62 - 1}
