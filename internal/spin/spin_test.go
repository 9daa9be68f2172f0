package spin

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorth(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var f Flow
	require.False(t, f.Worth(0), "nothing has passed")
	require.False(t, f.Worth(7))
	require.False(t, f.Worth(14), "the two sides take turns")
	require.True(t, f.Worth(22))
	require.False(t, f.Worth(22), "nothing has passed since")
	require.True(t, f.Worth(1000))
}

func TestWorthAlone(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var f Flow
	require.False(t, f.Worth(1000), "nobody can run meanwhile")
}

// The loop must not be removed: it would leave nothing of the pause.
func TestPauseTakesTime(t *testing.T) {
	loop := testing.Benchmark(func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			Pause()
		}
	})
	call := testing.Benchmark(func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			nothing()
		}
	})
	require.Greater(t, loop.NsPerOp(), 10*call.NsPerOp())
}

//go:noinline
func nothing() {}
