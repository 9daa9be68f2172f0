//go:build !modelcheck

package park

import (
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestMain(m *testing.M) { testx.Main(m) }
