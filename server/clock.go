package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/hist"
)

// clock is what a server has that looks at the time of each queued message, for
// Options.Shed and Options.Timing.
type clock struct {
	queue, pool *shedder // nil: nothing is shed
	codel       bool     // they want to know how many are left

	// Options.Timing.
	timing  bool
	waits   []hist.Histogram // in the queue, by lane
	calls   hist.Histogram   // of the handler, but for offloaded messages
	away    hist.Histogram   // of the handler, for those
	longest atomic.Int64     // the queue was, when a message had its turn
	began   time.Time        // written before the server's goroutine is there, under Server.mu
	ended   time.Time        // written before done is closed
}

// newClock returns nil if nobody wants to know the time.
func newClock(o Options) *clock {
	if o.Shed.Target == 0 && !o.Timing {
		return nil
	}
	c := &clock{timing: o.Timing, waits: make([]hist.Histogram, o.Lanes)}
	if o.Shed.Target > 0 {
		// The pool has one line for all lanes.
		c.queue, c.pool, c.codel = newShedder(o.Shed, o.Lanes), newShedder(o.Shed, 1), o.Shed.Law == ShedCoDel
	}
	return c
}

// WantsEnqueued reports whether messages are to be stamped. It is for
// dispatcher.New.
func (s *Server[Req, Resp]) WantsEnqueued() bool { return s.clock != nil }

// overdue is what dropped is not: it looks at the clock; owner as in handle.
func (s *Server[Req, Resp]) overdue(e *dispatcher.Envelope[Req, Resp], owner bool) bool {
	enqueued := e.Enqueued()
	if enqueued.IsZero() {
		return false // it is no dispatcher's
	}
	c, now, left, lane := s.clock, time.Now(), 0, 0
	if owner && s.lanes != nil {
		lane = s.lanes.at
	}
	if owner && (c.timing || c.codel) {
		left = s.waiting()
	}
	if owner && c.timing {
		c.waits[lane].Record(now.Sub(enqueued))
		c.saw(int64(left) + 1) // with the one that has just left
	}
	if c.queue == nil {
		return false
	}
	var deadline time.Time
	if e.IsRequest() { // the ctx of a command ends with its acceptance
		if at, ok := e.Context().Deadline(); ok {
			if deadline = at; !now.Before(at) {
				s.counters.Add(cExpired, 1)
				s.lost(e, context.DeadlineExceeded) // as the ctx will say when its timer has fired
				return true
			}
		}
	}
	law := c.queue
	if !owner {
		// What is between two turns there may be the work of others who share the
		// pool, so it says nothing about calls, nor what deadlines can be met.
		law, left, deadline = c.pool, int(s.offloading.Load())-1, time.Time{}
	} else if c.codel && s.lanes != nil {
		_, left, _ = s.lanes.set.Progress(lane)
	}
	if !law.turn(lane, now, enqueued, deadline, left) {
		return false
	}
	s.counters.Add(cShed, 1)
	if owner && s.lanes != nil {
		s.lanes.counters.Add(shedOf(lane), 1)
	}
	s.lost(e, dispatcher.ErrShed)
	return true
}

// saw notes how long the queue was.
func (c *clock) saw(n int64) {
	for longest := c.longest.Load(); n > longest && !c.longest.CompareAndSwap(longest, n); longest = c.longest.Load() {
	}
}

// forget keeps the pause of a restart, which the queue waits for now, from being taken
// for the time of a handler call.
func (c *clock) forget() {
	if s := c.queue; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = time.Time{}
	}
}

// start and stop say when the server serves. A nil clock does not care.
func (c *clock) start() {
	if c != nil {
		c.began = time.Now()
	}
}

func (c *clock) stop() {
	if c != nil {
		c.ended = time.Now()
	}
}
