// Package queuetest holds a queue.Queue to what package queue promises. The
// backends of package queue pass it; it is for those who write one of their own,
// to use it under a dispatcher in place of a server:
//
//	func TestConformance(t *testing.T) {
//		queuetest.Run(t, queuetest.Factory[queuetest.Value]{
//			New: func(capacity int) (queue.Queue[queuetest.Value], error) {
//				return mine.New[queuetest.Value](capacity)
//			},
//		})
//	}
//
// Each promise is a sub-test of that name, so that what fails says what is
// broken. [Promises] lists them with a sentence each.
//
// # What it takes
//
// The queue may carry any type, see [Factory]. It needs no more methods than
// queue.Queue has; where it is a queue.TimedPusher, or a queue.TimedPopper, or both,
// these are held to the same promises. Waiting is judged by what the goroutine
// does, not by a clock: one that waits has to sleep (in a channel operation, a
// sync.Cond, a timer or the network poller), and to have gone on within
// [Factory.Patience] of what it waited for.
//
// A run takes some seconds; with -short, and under the race detector, the long
// tests have a tenth of their rounds. Run it under both: the race detector sees
// what no value shows.
//
// # Where the rules come from
//
// They are, written anew, those of the tests of Go's own channels
// (runtime/chan_test.go and test/chan), of crossbeam's array queues and
// channels, of the batch and size tests of JCTools, of the torn payload test of
// the LMAX Disruptor, and of tokio's tests of closing.
package queuetest
