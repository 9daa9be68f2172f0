package server

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Options.DropOldest: who finds the queue full takes the oldest message out of
// it, gives that its outcome, and tries again. The ring has many consumers, so
// that needs nobody's role.

// maxEvictions is how many messages a sender evicts for one of its own. Others may
// be faster to take the room, but not so many times in a row, unless the hook that
// is told of the evicted one sends it again: then there is never any room, and the
// sender takes the full queue as one without DropOldest does.
const maxEvictions = 128

// tries is what a sender has done to find room.
type tries struct {
	evicted int
	missed  int // in a row: there was nothing to evict
}

// eviction counts the senders that may have a message in their hands which is in
// no queue any more: the server's end waits for them.
type eviction struct {
	word atomic.Uint64 // twice how many; and 1 when the queue is drained, and the end waits
	last chan struct{}
}

func (v *eviction) enter() { v.word.Add(2) }

func (v *eviction) leave() {
	if v.word.Add(^uint64(1)) == 1 { // 2 less
		select {
		case v.last <- struct{}{}:
		default:
		}
	}
}

// end waits until all who were there have left. Who enters later finds nothing:
// the queue is closed and drained. It may be called again.
func (v *eviction) end() {
	if v.last == nil || v.word.Load()&1 != 0 {
		return
	}
	if v.word.Add(1) != 1 {
		<-v.last
	}
}

// insert queues e in the ring, which was full.
func (r *roleEngine[Req, Resp]) insert(e *dispatcher.Envelope[Req, Resp]) error {
	for t := (tries{}); t.evicted < maxEvictions; {
		r.server.evict(&t, 0, r.ring.PopFull, &r.space)
		switch r.ring.PushOwned(e) {
		case ring.Owner:
			r.wake.Give()
			return nil
		case ring.OK:
			r.server.watch.behind()
			return nil
		case ring.Closed:
			return ErrServerClosed
		}
	}
	return queue.ErrFull
}

// insert queues e for the loops.
func (s *Server[Req, Resp]) insert(e *dispatcher.Envelope[Req, Resp]) error {
	for t := (tries{}); ; {
		if err := s.loops.TryPush(*e); err != queue.ErrFull || t.evicted == maxEvictions {
			return s.pushed(err)
		}
		s.evict(&t, 0, s.loops.TryPop, nil)
	}
}

// insertTimed is insert that waits if that is of no use.
func (s *Server[Req, Resp]) insertTimed(ctx context.Context, e *dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	if err := s.insert(e); err != queue.ErrFull {
		return err
	}
	return s.awaitPush(ctx, e, expired)
}

func (s *Server[Req, Resp]) insertAll(ctx context.Context, es []dispatcher.Envelope[Req, Resp]) (int, error) {
	for i := range es {
		if err := s.insertTimed(ctx, &es[i], nil); err != nil {
			return i, err
		}
	}
	return len(es), nil
}

// evict takes the oldest message out of the full queue, or of a full lane. If pop
// has none, somebody else is about to take it, or to hand it over. Who waits at gate
// is told of the room that is left if the hook calls Goexit; nil: pop has told.
func (s *Server[Req, Resp]) evict(t *tries, lane int, pop func() (dispatcher.Envelope[Req, Resp], bool), gate *park.Gate) {
	s.eviction.enter()
	returned := false
	defer func() {
		if !returned && gate != nil {
			gate.Wake()
		}
		s.eviction.leave()
	}()
	s.evictOne(t, lane, pop)
	returned = true
}

func (s *Server[Req, Resp]) evictOne(t *tries, lane int, pop func() (dispatcher.Envelope[Req, Resp], bool)) {
	e, ok := pop()
	if !ok {
		atomic.Relax(t.missed)
		t.missed++
		return
	}
	t.evicted++
	t.missed = 0
	if e.Abandoned() {
		s.counters.Add(cExpired, 1)
		return
	}
	s.counters.Add(cEvicted, 1)
	if s.lanes != nil {
		s.lanes.counters.Add(evictedOf(lane), 1)
	}
	s.lost(&e, dispatcher.ErrShed)
}
