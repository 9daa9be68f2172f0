package rivals

import (
	"runtime"
	"sync/atomic"

	"code.hybscloud.com/lfq"
	wqueue "github.com/Workiva/go-datastructures/queue"
	"github.com/puzpuzpuz/xsync/v4"

	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
	"github.com/sparkpipe/sparkpipe/internal/spin"
)

// Queues returns the contestants: a channel, our ring and a slice under a mutex
// first, then the rivals.
func Queues[T line.Payload]() []line.Contestant {
	return append(line.Home[T](),
		line.Contestant{Name: "xsync-mpmc", Open: waiting(overXsync[T], runtime.Gosched)},
		line.Contestant{Name: "xsync-mpmc-pause", Open: waiting(overXsync[T], pause)},
		line.Contestant{Name: "workiva", Open: overWorkiva[T]},
		line.Contestant{Name: "lfq-mpmcseq", Open: waiting(overLFQSeq[T], runtime.Gosched)},
		line.Contestant{Name: "lfq-mpmcseq-pause", Open: waiting(overLFQSeq[T], pause)},
		line.Contestant{Name: "lfq-spsc", Open: waiting(overLFQSPSC[T], runtime.Gosched), Fits: line.OneToOne},
		line.Contestant{Name: "lfq-spsc-pause", Open: waiting(overLFQSPSC[T], pause), Fits: line.OneToOne},
		// Two producers that wait for space under the default strategy starve the
		// listener: README.md has the measurement.
		line.Contestant{Name: "disruptor", Open: overDisruptor[T](false, 1), Fits: line.OneToOne},
		line.Contestant{Name: "disruptor-gosched", Open: overDisruptor[T](true, 1), Fits: line.OneConsumer},
		line.Contestant{Name: "disruptor-gosched-batch", Open: overDisruptor[T](true, line.PutBatch), Fits: line.OneConsumer},
	)
}

// waiting opens a queue whose sides call wait until they succeed.
func waiting(open func(wait func()) line.Line, wait func()) func(line.Shape) line.Line {
	return func(line.Shape) line.Line { return open(wait) }
}

// pause is how our ring waits before it sleeps, in place of runtime.Gosched alone: a
// moment without a look at the queue, in which the other side does much in a row.
func pause() {
	spin.Pause()
	runtime.Gosched()
}

// The queues below can only try: both sides call runtime.Gosched, or pause, until it
// succeeds. They have no end of their own, so a consumer that finds nothing looks
// at a flag, and then once more at the queue, for what was put before the flag
// was set. (A pop that fails because another consumer was quicker may end this
// consumer early; the other one goes on.) Each is written out, because a call
// through a function value for each message would be a cost that is not theirs.

func overXsync[T line.Payload](wait func()) line.Line {
	q := xsync.NewMPMCQueue[T](line.Capacity)
	var closed atomic.Bool
	return line.Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				for v := line.Value[T](lo); !q.TryEnqueue(v); {
					wait()
				}
			}
		},
		Take: func() (n, sum int) {
			for end := false; ; {
				v, ok := q.TryDequeue()
				switch {
				case ok:
					n++
					sum += line.Number(&v)
				case end:
					return n, sum
				case closed.Load():
					end = true
				default:
					wait()
				}
			}
		},
		Close: func() { closed.Store(true) },
	}
}

func overLFQSeq[T line.Payload](wait func()) line.Line {
	q := lfq.NewMPMCSeq[T](line.Capacity)
	var closed atomic.Bool
	return line.Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				for v := line.Value[T](lo); q.Enqueue(&v) != nil; {
					wait()
				}
			}
		},
		Take: func() (n, sum int) {
			for end := false; ; {
				v, err := q.Dequeue()
				switch {
				case err == nil:
					n++
					sum += line.Number(&v)
				case end:
					return n, sum
				case closed.Load():
					end = true
				default:
					wait()
				}
			}
		},
		Close: func() { closed.Store(true) },
	}
}

func overLFQSPSC[T line.Payload](wait func()) line.Line {
	q := lfq.NewSPSC[T](line.Capacity)
	var closed atomic.Bool
	return line.Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				for v := line.Value[T](lo); q.Enqueue(&v) != nil; {
					wait()
				}
			}
		},
		Take: func() (n, sum int) {
			for end := false; ; {
				v, err := q.Dequeue()
				switch {
				case err == nil:
					n++
					sum += line.Number(&v)
				case end:
					return n, sum
				case closed.Load():
					end = true
				default:
					wait()
				}
			}
		},
		Close: func() { closed.Store(true) },
	}
}

// overWorkiva has Put and Get block, which they do by calling runtime.Gosched.
// Dispose throws away what is queued, so the end is a nil for each consumer.
func overWorkiva[T line.Payload](shape line.Shape) line.Line {
	q := wqueue.NewRingBuffer(line.Capacity)
	return line.Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				_ = q.Put(line.Value[T](lo))
			}
		},
		Take: func() (n, sum int) {
			for {
				item, err := q.Get()
				if item == nil || err != nil {
					return n, sum
				}
				v := item.(T)
				n++
				sum += line.Number(&v)
			}
		},
		Close: func() {
			for i := 0; i < shape.Consumers; i++ {
				_ = q.Put(nil)
			}
		},
	}
}
