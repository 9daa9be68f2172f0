package server

import (
	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Options.DropOldest: who finds the queue full takes the oldest message out of
// it, gives that its outcome, and tries again. The ring has many consumers, so
// that needs nobody's role.

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
	for i := 0; ; i++ {
		r.server.evict(i, 0, r.ring.PopFull)
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
}

// insert queues e for the loops.
func (s *Server[Req, Resp]) insert(e *dispatcher.Envelope[Req, Resp]) error {
	for i := 0; ; i++ {
		if err := s.loops.TryPush(*e); err != queue.ErrFull {
			return s.pushed(err)
		}
		s.evict(i, 0, s.loops.TryPop)
	}
}

func (s *Server[Req, Resp]) insertAll(es []dispatcher.Envelope[Req, Resp]) (int, error) {
	for i := range es {
		if err := s.insert(&es[i]); err != nil {
			return i, err
		}
	}
	return len(es), nil
}

// evict takes the oldest message out of the full queue, or of a full lane. If pop
// has none, for the i-th time in a row, somebody else is about to take it, or to
// hand it over.
func (s *Server[Req, Resp]) evict(i, lane int, pop func() (dispatcher.Envelope[Req, Resp], bool)) {
	s.eviction.enter()
	defer s.eviction.leave() // also if the hook calls Goexit
	e, ok := pop()
	if !ok {
		atomic.Relax(i)
		return
	}
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
