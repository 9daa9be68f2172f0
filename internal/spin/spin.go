// Package spin is what little waiting awake this module does: pauses of some
// microseconds, a fixed number of them, before a goroutine goes to sleep.
//
// Going to sleep and being woken costs each side a microsecond and more, and
// two cores that look at one cache line all the time slow each other down. A
// pause without a look lets the other core do much in a row.
package spin

import (
	"runtime"
	"sync/atomic"
)

// steps is how long Pause is: multiplications that wait for each other. Each
// takes some 3 cycles on any processor, which makes about 3 microseconds. It is
// no time, because a clock stands still in a bubble of testing/synctest.
const steps = 3000

// Pause keeps the processor for about 3 microseconds without touching memory.
//
//go:noinline
func Pause() {
	x := uint64(1)
	for i := 0; i < steps; i++ {
		x *= 0x9E3779B97F4A7C15
	}
	if x == 0 { // never: it is odd. Without a use of x the loop would be removed.
		panic("spin: a product of odd numbers is 0")
	}
}

// Parallel reports whether another goroutine can run while this one pauses. It
// takes a lock of the scheduler, so it is not for hot paths.
func Parallel() bool { return runtime.GOMAXPROCS(0) > 1 }

// Flow tells a goroutine that finds a queue empty, or full, whether the other
// side is at work, so that a pause is likely to end the need to sleep. The zero
// value is ready.
type Flow struct{ last atomic.Uint64 }

// Flowing is how many values must have passed since the last time for a pause
// to be worth it. With fewer, the two sides take turns, and whoever pauses only
// makes the other wait.
const Flowing = 8

// RoomLooks is how often a producer looks for room in a full queue, each time
// after a pause, before it goes to sleep. A consumer looks once: it has emptied
// the queue, while there is room as soon as one value is popped.
const RoomLooks = 2

// Worth takes how many values have passed in all, and reports whether to pause.
func (f *Flow) Worth(passed uint64) bool {
	worth := passed-f.last.Load() >= Flowing
	f.last.Store(passed)
	return worth && Parallel()
}
