package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// job is an offloaded message on its way through the pool; recycled.
type job[Req, Resp any] struct {
	server   *Server[Req, Resp]
	envelope dispatcher.Envelope[Req, Resp]

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
// in the order in which the owner saw them.
func (s *Server[Req, Resp]) submit(e *dispatcher.Envelope[Req, Resp]) {
	if s.opts.Pool == nil {
		s.refused(e, ErrNoPool)
		return
	}
	j := s.jobs.Get().(*job[Req, Resp])
	j.envelope = *e
	s.pending.Add(1)
	s.offloading.Add(1)
	taken, refused := false, false // taken by the pool, or by the feeder
	defer func() {
		if taken {
			return
		}
		j.release()
		if !refused { // the pool called Goexit; handle gives the outcome
			s.counters.Add(cNotOffloaded, 1)
		}
	}()
	if !s.backlog.Owned() {
		err := guard(func() error { return s.opts.Pool.TrySubmit(j) })
		if err == nil {
			taken = true
			s.counters.Add(cOffloaded, 1)
			return
		}
		if !errors.Is(err, queue.ErrFull) {
			refused = true
			s.refused(e, s.poolError(err))
			return
		}
	}
	switch s.backlog.PushOwned(&j) {
	case ring.Owner:
		s.pending.Add(1)
		go s.feed()
	case ring.Full:
		refused = true
		s.refused(e, ErrPoolFull)
		return
	}
	taken = true
	s.counters.Add(cOffloaded, 1)
}

// feed hands the backlog to the pool and waits where the owner does not.
func (s *Server[Req, Resp]) feed() {
	released := false
	defer func() {
		if released {
			s.pending.Done()
		} else {
			go s.feed() // a hook or the pool has ended this goroutine with Goexit
		}
	}()
	for idle := 0; ; idle++ {
		j, st := s.backlog.TryPop()
		switch st {
		case ring.OK:
			idle = 0
			j.feed()
			continue
		case ring.Empty:
			if released = s.backlog.Release() == ring.OK; released {
				return
			}
		}
		atomic.Relax(idle)
	}
}

// feed hands j to the pool, or gives it an outcome.
func (j *job[Req, Resp]) feed() {
	s := j.server
	taken, answered := false, false
	defer func() {
		if !taken {
			j.release()
		}
	}()
	defer func() {
		if !taken && !answered { // the pool called Goexit
			s.refused(&j.envelope, ErrGoexit)
		}
	}()
	answered = true // by dropped, whatever its hook does
	if s.dropped(&j.envelope) {
		return
	}
	answered = false
	err := guard(func() error { return s.opts.Pool.Submit(s.token, j) })
	if taken = err == nil; !taken {
		answered = true
		s.refused(&j.envelope, s.poolError(err))
	}
}

// Run handles the message on a worker of the pool.
func (j *job[Req, Resp]) Run() { j.run() }

// run reports whether the handler was called.
func (j *job[Req, Resp]) run() (called bool) {
	defer j.release()
	j.began = time.Now()
	j.server.working.add(j)
	defer j.server.working.remove(j)
	if c := j.server.clock; c != nil {
		defer c.offloaded(time.Now())
	}
	return j.server.handle(&j.envelope, false)
}

// poolError is the outcome of a message that the pool refused for good.
func (s *Server[Req, Resp]) poolError(err error) error {
	if s.aborting.Load() {
		return ErrServerClosed // Close ended the wait for the pool
	}
	return fmt.Errorf("server: offload: %w", err)
}

// release recycles j. Nobody may touch it, or the server on its behalf, after.
func (j *job[Req, Resp]) release() {
	s := j.server
	j.envelope = dispatcher.Envelope[Req, Resp]{}
	s.jobs.Put(j)
	s.offloading.Add(-1)
	s.pending.Done()
}
