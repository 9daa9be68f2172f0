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
	looking, answered, taken := true, false, false
	defer func() {
		if !taken {
			j.release()
		}
	}()
	defer func() {
		switch {
		case looking && j.envelope.IsRequest(): // as in handle: a method of its ctx did not return
			s.refused(&j.envelope, s.unwound(recover()))
		case !looking && !answered && !taken: // the pool called Goexit
			s.refused(&j.envelope, ErrGoexit)
		}
	}()
	answered = s.dropped(&j.envelope)
	if looking = false; answered {
		return
	}
	err := guard(func() error { return s.opts.Pool.Submit(s.token, j) })
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
