package server

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// clock is what a server has that looks at the time of each queued message.
type clock struct {
	queue, pool *shedder // nil: nothing is shed
}

// newClock returns nil if nobody wants to know the time.
func newClock(o Options) *clock {
	if o.Shed.Target == 0 {
		return nil
	}
	return &clock{queue: newShedder(o.Shed), pool: newShedder(o.Shed)}
}

// WantsEnqueued reports whether messages are to be stamped. It is for
// dispatcher.New.
func (s *Server[Req, Resp]) WantsEnqueued() bool { return s.clock != nil }

// overdue is dropped with a look at the clock; owner as in handle.
func (s *Server[Req, Resp]) overdue(e *dispatcher.Envelope[Req, Resp], owner bool) bool {
	if s.dropped(e) {
		return true
	}
	enqueued := e.Enqueued()
	if enqueued.IsZero() {
		return false // it is no dispatcher's
	}
	now := time.Now()
	var deadline time.Time
	if e.IsRequest() { // the ctx of a command ends with its acceptance
		if deadline, _ = e.Context().Deadline(); !deadline.IsZero() && !now.Before(deadline) {
			s.counters.Add(cExpired, 1)
			s.lost(e, context.DeadlineExceeded) // as the ctx will say when its timer has fired
			return true
		}
	}
	law, left := s.clock.pool, 0
	if owner {
		law = s.clock.queue
		_, left = s.progress()
	} else {
		left = int(s.offloading.Load()) - 1
	}
	if !law.turn(now, enqueued, deadline, left) {
		return false
	}
	s.counters.Add(cShed, 1)
	s.lost(e, dispatcher.ErrShed)
	return true
}
