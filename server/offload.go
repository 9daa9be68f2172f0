package server

import (
	"errors"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// job is an offloaded message on its way through the pool; recycled.
type job[Req, Resp any] struct {
	server   *Server[Req, Resp]
	envelope dispatcher.Envelope[Req, Resp]
	turn[Req, Resp]

	// Of a list of those that a worker handles (stuck.go).
	next, prev *job[Req, Resp]
	began      time.Time
}

// submit hands a message to the pool, without ever waiting for it: what the
// pool does not take at once goes to the backlog, a ring of the queue's
// capacity that a goroutine feeds to the pool while it is not empty. When the
// backlog is full too, the message fails with ErrPoolFull.
//
// The backlog is a ring with a role: not owned means empty, and the push that
// finds it so starts the feeder, which ends with the Release that succeeds. As
// long as it is owned, submit goes through it, so that messages reach the pool
// in the order in which the owner saw them. at is handle's.
func (s *Server[Req, Resp]) submit(e *dispatcher.Envelope[Req, Resp], at *int) {
	if s.opts.Pool == nil {
		*at = settled
		s.refused(e, ErrNoPool)
		return
	}
	j := s.jobs.Get().(*job[Req, Resp])
	j.envelope = *e
	s.pending.Add(1)
	s.offloading.Add(1)
	taken := false // by the pool, by the feeder, or by the job before it
	refused := false
	defer func() {
		if taken {
			return
		}
		if !refused { // Key did not return, or the pool called Goexit; handle gives the outcome
			s.counters.Add(cNotOffloaded, 1)
		}
		j.release()
	}()
	place := keyHead
	if s.key != nil {
		if key, ok := s.key(e.Message()); ok {
			place = s.keys.enter(j, key)
		}
	}
	var err error
	switch place {
	case keyHead:
		err = s.forward(j)
	case keyFull:
		err = ErrPoolFull
	}
	if taken = err == nil; taken {
		s.counters.Add(cOffloaded, 1)
	} else {
		refused = true
		*at = settled
		s.refused(e, err)
	}
}

// forward hands j to the pool or to the backlog, and then j is not the caller's
// any more. The error is the outcome for j, which still is.
func (s *Server[Req, Resp]) forward(j *job[Req, Resp]) error {
	reserved := j.reserved
	if !s.backlog.Owned() {
		var err error
		if reserved {
			err = s.submitReserved(j)
		} else {
			err = guard(func() error { return s.opts.Pool.TrySubmit(j) })
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, queue.ErrFull) {
			return s.poolError(err)
		}
	}
	if s.keys != nil && !reserved {
		if !s.keys.reserve() {
			return ErrPoolFull
		}
		j.reserved = true
	}
	switch s.backlog.PushOwned(&j) {
	case ring.Owner:
		s.pending.Add(1)
		go s.feed()
	case ring.Full: // never, if there are keys
		return ErrPoolFull
	}
	return nil
}

// submitReserved hands j, which has a place in the backlog, to the pool, and gives
// the place back if that took it.
func (s *Server[Req, Resp]) submitReserved(j *job[Req, Resp]) (err error) {
	j.reserved = false // who takes j does not know of it
	taken := false
	defer func() {
		if taken {
			s.keys.unreserve()
		} else {
			j.reserved = true // also when the pool calls Goexit
		}
	}()
	err = guard(func() error { return s.opts.Pool.TrySubmit(j) })
	taken = err == nil
	return err
}

// advance sends j on its way, whose turn it is among the messages of its key, or,
// if j cannot go, the next. It does not wait.
func (s *Server[Req, Resp]) advance(j *job[Req, Resp]) {
	answered, returned := false, false
	defer func() {
		if returned {
			return
		}
		// A hook or the pool has ended this goroutine with Goexit. Another one goes
		// on with the next.
		defer func() {
			if next := j.retire(); next != nil {
				s.pending.Add(1)
				go func() {
					defer s.pending.Done()
					s.advance(next)
				}()
			}
		}()
		if !answered {
			s.refused(&j.envelope, ErrGoexit)
		}
	}()
	for j != nil {
		answered = false
		err := ErrServerClosed
		if !s.aborting.Load() {
			err = s.forward(j)
		}
		if err == nil {
			break
		}
		answered = true
		s.refused(&j.envelope, err)
		j = j.retire()
	}
	returned = true
}

// Run handles the message on a worker of the pool.
func (j *job[Req, Resp]) Run() { j.run() }

// run reports whether the handler was called.
func (j *job[Req, Resp]) run() (called bool) {
	defer j.release()
	j.began = time.Now()
	j.server.working.add(j)
	defer j.server.working.remove(j)
	return j.server.handle(&j.envelope, false)
}

// release recycles j, and has the next of its key take its turn. Nobody may touch
// j, or the server on its behalf, after.
func (j *job[Req, Resp]) release() {
	if !j.keyed {
		j.retire()
		return
	}
	s := j.server
	s.pending.Add(1) // the next may have its outcome before advance returns
	defer s.pending.Done()
	if next := j.retire(); next != nil {
		s.advance(next)
	}
}

// retire recycles j and returns the next of its key, which is the caller's now;
// nil: there is none.
func (j *job[Req, Resp]) retire() (next *job[Req, Resp]) {
	s := j.server
	if j.keyed {
		next = s.keys.leave(j)
	}
	if j.reserved {
		s.keys.unreserve()
	}
	j.envelope = dispatcher.Envelope[Req, Resp]{}
	j.turn = turn[Req, Resp]{}
	s.jobs.Put(j)
	s.offloading.Add(-1)
	s.pending.Done()
	return next
}
