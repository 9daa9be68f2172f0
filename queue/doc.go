// Package queue has bounded FIFO queues for many producers and many consumers:
// a lock-free ring, and its twins over a plain channel and over ZenQ.
//
// A queue in one line:
//
//	q, err := queue.NewRing[int](queue.Options{Capacity: 1024})
//
// Push and Pop block and obey a context; TryPush and TryPop do not block;
// PushBatch and PopBatch move many values at a time. Close refuses further
// pushes and lets consumers drain what was accepted:
//
//	for {
//		v, err := q.Pop(ctx)
//		if err != nil {
//			break // queue.ErrClosed: closed and drained; or ctx's error
//		}
//		use(v)
//	}
//
// # What a queue promises
//
//   - A push is either accepted, and its value will be popped once, or refused
//     with an error that says why. That holds beside a Close, too: closed is a bit
//     of the word with which a push claims its place.
//   - Full and empty are strict. TryPush answers [ErrFull] only if the queue was
//     full, and TryPop answers false only if it was empty, not because another
//     goroutine was quicker.
//   - Values of one producer are popped in the order they were pushed. With one
//     producer that is the order of the whole queue.
//   - Consumers of an empty queue and producers of a full one sleep, and an idle
//     queue burns no CPU. At a ring with room for 32 values or more they first
//     pause awake, for some microseconds, while values flow; if such pauses turn
//     out to be of no use, they become rare.
//   - A popped value is not kept alive by the queue.
//
// # Which one
//
// [NewRing] returns the concrete type, whose methods are called directly. [New]
// returns the [Queue] interface and takes the backend from [Options]. The methods
// of [Ring] and [Chan] are those of Queue: safe for many goroutines; a nil context
// panics. All backends keep the promises above, with the exceptions that
// [BackendZenQ] names; they differ in speed: [BackendRing] is the fast one (with a
// capacity of some tens it is about as fast as a channel), [BackendChan] is the one
// to compare it with, and BackendZenQ is for migrating from ZenQ and for measuring
// it, on Go 1.22 only.
//
// # What lock-free means here
//
// Pushing and popping claim a cell with one compare-and-swap and take no lock. Two
// things are outside that word: a goroutine that is preempted between claiming a
// cell and filling (or emptying) it delays those who need this very cell, who yield
// meanwhile, and sleep for moments if that takes long; and going to sleep and waking
// a sleeper take a mutex.
package queue
