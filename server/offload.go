package server

import (
	"errors"
	"fmt"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// job is an offloaded message on its way through the pool; recycled.
type job[Req, Resp any] struct {
	server   *Server[Req, Resp]
	envelope dispatcher.Envelope[Req, Resp]
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
	if !s.backlog.Owned() {
		err := guard(func() error { return s.opts.Pool.TrySubmit(j) })
		if err == nil {
			s.counters.Add(cOffloaded, 1)
			return
		}
		if !errors.Is(err, queue.ErrFull) {
			j.fail(err)
			return
		}
	}
	switch s.backlog.PushOwned(j) {
	case ring.Owner:
		s.pending.Add(1)
		go s.feed()
	case ring.Full:
		j.drop(ErrPoolFull)
		return
	}
	s.counters.Add(cOffloaded, 1)
}

// feed hands the backlog to the pool and waits where the owner does not.
func (s *Server[Req, Resp]) feed() {
	defer s.pending.Done()
	for {
		j, st := s.backlog.TryPop()
		switch st {
		case ring.OK:
			if s.dropped(&j.envelope) {
				j.release()
			} else if err := guard(func() error { return s.opts.Pool.Submit(s.token, j) }); err != nil {
				j.fail(err)
			}
		case ring.Empty:
			if s.backlog.Release() == ring.OK {
				return
			}
		}
	}
}

// Run handles the message on a worker of the pool.
func (j *job[Req, Resp]) Run() {
	s, e := j.server, &j.envelope
	defer j.release()
	if s.dropped(e) {
		return
	}
	returned := false
	defer func() {
		if !returned {
			s.lost(e, s.unwound(recover()))
		}
	}()
	s.call(e, false)
	returned = true
}

// fail answers a message that the pool refused for good.
func (j *job[Req, Resp]) fail(err error) {
	if j.server.aborting.Load() {
		err = ErrServerClosed // Close ended the wait for the pool
	} else {
		err = fmt.Errorf("server: offload: %w", err)
	}
	j.drop(err)
}

func (j *job[Req, Resp]) drop(err error) {
	s, e := j.server, &j.envelope
	s.refused(e, err)
	j.release()
}

// release recycles j. Nobody may touch it, or the server on its behalf, after.
func (j *job[Req, Resp]) release() {
	s := j.server
	j.envelope = dispatcher.Envelope[Req, Resp]{}
	s.jobs.Put(j)
	s.offloading.Add(-1)
	s.pending.Done()
}
