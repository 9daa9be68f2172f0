package server

import (
	"fmt"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// The backlog: what the pool did not take at once.

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
			if s.keys != nil {
				j.reserved = false
				s.keys.unreserve()
			}
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
	dropped := false
	err := guard(func() error { dropped = s.dropped(&j.envelope); return nil })
	if dropped {
		return
	}
	answered = false
	if err == nil {
		err = guard(func() error { return s.opts.Pool.Submit(s.token, j) })
	}
	if taken = err == nil; !taken {
		answered = true
		s.refused(&j.envelope, s.poolError(err))
	}
}

// poolError is the outcome of a message that the pool refused for good.
func (s *Server[Req, Resp]) poolError(err error) error {
	if s.aborting.Load() {
		return ErrServerClosed // Close ended the wait for the pool
	}
	return fmt.Errorf("server: offload: %w", err)
}
