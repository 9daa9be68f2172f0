//go:build !modelcheck

package ring

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// starts are first positions from which a ring soon meets an edge: of 32 bits,
// of the sign bit, and of uint64, since positions are in steps of 4.
var starts = []uint64{0, 1<<30 - 3, 1<<32 - 3, 1<<61 - 3, 1 << 61, 1<<62 - 3, 1<<62 - 1}
