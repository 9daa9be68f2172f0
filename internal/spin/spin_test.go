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

func passed(n uint64) func() uint64 { return func() uint64 { return n } }

// A pause during which values passed was of use, though others were faster.
func TestFlowLearns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for flows, most := range map[bool]int{true: 1000, false: mostMisses + 1000/16} {
		var f Flow
		n, pauses := uint64(0), 0
		count := func() uint64 { return n }
		for i := 0; i < 1000; i++ {
			n += Flowing
			f.Items(count, 1024, func() bool {
				pauses++
				if flows {
					n++
				}
				return false
			})
		}
		require.LessOrEqual(t, pauses, most)
		require.Equal(t, flows, pauses == 1000)
	}
}

// A queue that is small gets short pauses, and as many more; one that is tiny none.
func TestPauses(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, c := range []struct{ capacity, items, room int }{{2, 0, 0}, {16, 0, 0}, {32, 4, 8}, {64, 2, 4}, {128, 1, 2}, {1 << 20, 1, 2}} {
		var f Flow
		looks := 0
		never := func() bool { looks++; return false }
		require.False(t, f.Items(passed(100), c.capacity, never))
		require.Equal(t, c.items, looks, "%d", c.capacity)
		f.habit = Habit{} // or it has learned
		looks = 0
		require.False(t, f.Room(passed(200), c.capacity, never))
		require.Equal(t, c.room, looks, "%d", c.capacity)
		require.False(t, f.Room(passed(201), c.capacity, never))
		require.Equal(t, c.room, looks, "nothing flows")
		f.habit = Habit{}
		once := func() bool { looks++; return true }
		require.Equal(t, c.room > 0, f.Room(passed(300), c.capacity, once))
		require.Equal(t, c.room+min(c.room, 1), looks)
	}
}

// Where pauses bring nothing they become rare; where some of them do, they do not.
func TestHabit(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	pauses := func(h *Habit, chances int, useful func(i int) bool) (n int) {
		for i := 0; i < chances; i++ {
			if h.Chance() {
				n++
				h.Learn(useful(n))
			}
		}
		return n
	}
	var h Habit
	require.Equal(t, 100, pauses(&h, 100, func(int) bool { return true }))
	require.Equal(t, 100, pauses(&h, 100, func(i int) bool { return i%4 == 0 }), "one in four is enough")
	require.LessOrEqual(t, pauses(&h, 16*100, func(int) bool { return false }), mostMisses+100)
	h.rest.Store(0)
	require.Equal(t, 100, pauses(&h, 100, func(int) bool { return true }), "the first that is of use ends it")
	require.Less(t, pauses(&h, 10_000, func(i int) bool { return i%20 == 0 }), 3000, "one in twenty is not")
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
