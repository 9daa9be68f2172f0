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
func Pause() { pause(steps) }

//go:noinline
func pause(steps int) {
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

// Flowing is how many values must have passed since the last time for a pause
// to be worth it. With fewer, the two sides take turns, and whoever pauses only
// makes the other wait.
const Flowing = 8

// Flow is for the goroutines that find a queue empty, or full: while values flow,
// the other side is at work, and it is likely that a pause ends the need to sleep.
// Each side has its own. The zero value is ready.
type Flow struct {
	last  atomic.Uint64
	habit Habit
}

// Small is the capacity below which there is no pause: so few values pass in less
// time than it takes to see that they did.
const Small = 32

// perValue is how many steps a pause has for each value that the queue can hold,
// which is some 25 nanoseconds. In a pause that is much longer a small queue would
// be filled, or drained, and stand still.
const perValue = 24

// Items pauses for a consumer that found the queue empty, if values flow, and then
// calls try, until that returns true; it reports whether it did. All pauses
// together last as long as Pause. passed tells how many values have passed in all.
func (f *Flow) Items(passed func() uint64, capacity int, try func() bool) bool {
	return f.until(passed, capacity, 1, try)
}

// Room is Items for a producer that found the queue full, who pauses twice as long:
// a consumer has emptied the queue, while there is room as soon as one value is
// popped.
func (f *Flow) Room(passed func() uint64, capacity int, try func() bool) bool {
	return f.until(passed, capacity, 2, try)
}

func (f *Flow) until(passed func() uint64, capacity, pauses int, try func() bool) (done bool) {
	if capacity < Small {
		return false
	}
	before := passed()
	if !f.worth(before) {
		return false
	}
	each := min(steps, perValue*capacity)
	for left := pauses * steps; left > 0 && !done; left -= each {
		pause(each)
		done = try()
	}
	// Another producer may have taken the room, or another consumer the value.
	f.habit.Learn(done || passed() != before)
	return done
}

// worth takes how many values have passed in all, and reports whether to pause.
func (f *Flow) worth(passed uint64) bool {
	worth := passed-f.last.Load() >= Flowing
	f.last.Store(passed)
	return worth && f.habit.Chance()
}

// Habit is whether to pause, learned from what pauses brought. Where other programs,
// or a limit of the container, leave the goroutines one processor, the other side
// stands still while one pauses, and each pause is lost. The zero value is ready.
type Habit struct {
	misses atomic.Int32 // from 0 to mostMisses: pauses that brought nothing, less perHit for each that did
	rest   atomic.Int32 // how many chances to let pass before the next pause
}

// With two processors and 32 cells, from half to nine in ten of the pauses are of
// use; with one, one in seventy of the consumer's, and one in ten of the producers'.
// So those with less than one in five become rare: a pause saves two switches of
// goroutines and more, and one that is lost costs about as much as one.
const (
	perHit     = 4
	patience   = 8            // so many misses change nothing
	mostMisses = patience + 4 // one chance in 16 is taken, to find out whether it is still so
)

// Chance reports whether to pause, if there is reason to. Whoever does says next
// whether it was of use.
func (h *Habit) Chance() bool {
	if rest := h.rest.Load(); rest > 0 {
		h.rest.Store(rest - 1) // others may, too: it is a matter of degree
		return false
	}
	return Parallel()
}

// Learn takes whether a pause was of use: whether values came, or passed, meanwhile.
func (h *Habit) Learn(useful bool) {
	misses := h.misses.Load()
	if useful {
		if misses > 0 {
			h.misses.Store(max(misses-perHit, 0))
		}
		return
	}
	misses = min(misses+1, mostMisses)
	h.misses.Store(misses)
	if misses > patience {
		h.rest.Store(1<<(misses-patience) - 1)
	}
}
