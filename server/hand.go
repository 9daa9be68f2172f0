package server

import (
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// handful is how many messages the draining goroutine pops at once if calls are
// quick. Each cache line has to come from another core: those of a batch come at
// the same time.
const handful = 32

// hand is what the server's goroutine has popped and not handled yet. It belongs
// to whoever has the role, so if a handler ends the goroutine, the next one goes
// on where it was. Callers that help pop one by one: they have the role only if
// the hand is empty.
//
// With a slow handler it holds one message, so that those behind it are still in
// the queue, where they count against its capacity. A handler that turns slow at
// once may have a handful behind it, which are seen to wait by what behind says.
type hand[Req, Resp any] struct {
	envelopes [handful]dispatcher.Envelope[Req, Resp]
	next, n   int // envelopes[next:n] are to be handled; the one before next is, now
	size      int // how many to pop at most; 0 counts as 1
	refills   int
	timed     bool
	start     time.Time // of the handling of a batch that is timed

	// How many there are behind the one that is handled, for who looks (begun). It is
	// written with each batch, and so may be more than there are; but before the last
	// one it is 0.
	behind atomic.Int64
}

// timeEvery is how many batches share one that is timed while the hand is not at
// its largest. Batches of a quarter of a hand are timed in any case.
const timeEvery = 16

// pop returns the oldest message, which is there until the next pop.
func (r *roleEngine[Req, Resp]) pop() (*dispatcher.Envelope[Req, Resp], ring.Status) {
	h := &r.hand
	if h.next > 0 {
		h.envelopes[h.next-1] = dispatcher.Envelope[Req, Resp]{} // what was handled is not kept alive
	}
	if h.next == h.n {
		if s := r.refill(); s != ring.OK {
			return nil, s
		}
	}
	return r.step(), ring.OK
}

// step returns the next message of the hand.
func (r *roleEngine[Req, Resp]) step() *dispatcher.Envelope[Req, Resp] {
	h := &r.hand
	h.next++
	if h.next == h.n || r.begun.asked.Load() {
		r.tell()
	}
	return &h.envelopes[h.next-1]
}

// empty reports whether all that was popped is handled, and was all that there was:
// a hand that is as large as it could be does not tell.
func (h *hand[Req, Resp]) empty() bool { return h.next == h.n && h.n < max(h.size, 1) }

// tell tells those who look how many are behind, for the last one and when they ask.
func (r *roleEngine[Req, Resp]) tell() {
	h := &r.hand
	if h.n > 1 {
		h.behind.Store(int64(h.n - h.next))
	}
	r.begun.next()
}

func (r *roleEngine[Req, Resp]) refill() ring.Status {
	h := &r.hand
	if h.timed {
		h.adapt(time.Since(h.start) / time.Duration(h.n))
	}
	h.next, h.n, h.timed = 0, 0, false
	n, s := r.ring.PopBatch(h.envelopes[:max(h.size, 1)])
	if n == 0 {
		return s
	}
	r.space.Wake()
	if h.n = n; n > 1 {
		// The watch may have looked when they were neither here nor there.
		h.behind.Store(int64(n - 1))
		r.server.watch.behind()
	}
	h.refills++
	if n >= handful/4 || h.size < handful && h.refills%timeEvery == 0 {
		h.timed, h.start = true, time.Now()
	}
	return ring.OK
}

// adapt takes the time of one message.
func (h *hand[Req, Resp]) adapt(each time.Duration) {
	if each > fastCall {
		h.size = 1
	} else {
		h.size = min(2*max(h.size, 1), handful)
	}
}
