package spin

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorth(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var f Flow
	require.False(t, f.worth(0), "nothing has passed")
	require.False(t, f.worth(7))
	require.False(t, f.worth(14), "the two sides take turns")
	require.True(t, f.worth(22))
	require.False(t, f.worth(22), "nothing has passed since")
	require.True(t, f.worth(1000))
}

func TestWorthAlone(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var f Flow
	require.False(t, f.worth(1000), "nobody can run meanwhile")
}

// A queue that is small gets short pauses, and as many more; one that is tiny none.
func TestPauses(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, c := range []struct{ capacity, items, room int }{{2, 0, 0}, {16, 0, 0}, {32, 4, 8}, {64, 2, 4}, {128, 1, 2}, {1 << 20, 1, 2}} {
		var f Flow
		looks := 0
		never := func() bool { looks++; return false }
		require.False(t, f.Items(100, c.capacity, never))
		require.Equal(t, c.items, looks, "%d", c.capacity)
		looks = 0
		require.False(t, f.Room(200, c.capacity, never))
		require.Equal(t, c.room, looks, "%d", c.capacity)
		require.False(t, f.Room(201, c.capacity, never))
		require.Equal(t, c.room, looks, "nothing flows")
		once := func() bool { looks++; return true }
		require.Equal(t, c.room > 0, f.Room(300, c.capacity, once))
		require.Equal(t, c.room+min(c.room, 1), looks)
	}
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
