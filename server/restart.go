package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// supervised is the handler that Supervise returns.
//
//	child whole     messages are handled
//	child broken    they wait; one goroutine, restart, is about to replace it
//	given up        broken for good; the server is aborting
//
// The child becomes broken in failed, whoever's goroutine that is, and whole, as
// another one, in replace. Who is about to make a handler call looks before whether
// it is broken (Server.rest, and unavailable for callers that run their own). With
// one call at a time nothing breaks in between but by middleware that tries again,
// and that is refused in HandleRequest.
type supervised[Req, Resp any] struct {
	build  func() (Handler[Req, Resp], error)
	opts   RestartOptions
	server *Server[Req, Resp] // set by New; nil: not yet

	child      atomic.Pointer[child[Req, Resp]] // never nil
	restarts   atomic.Uint64
	restarting sync.WaitGroup // the goroutine that replaces the child

	mu     sync.Mutex
	recent []time.Time // of the failures in the last Within
	end    error       // given up, and why
}

// child is a handler and what is known of it.
type child[Req, Resp any] struct {
	Handler[Req, Resp]
	offload  func(Req) bool
	key      func(Req) (uint64, bool)
	cancel   context.CancelFunc // its token; nil: it is no Starter, or not started
	broken   atomic.Bool
	replaced chan struct{} // closed when there is another one
}

// attach makes the supervised handler s's own.
func (s *supervised[Req, Resp]) attach(to *Server[Req, Resp]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return errors.New("server: the supervised Handler has a server")
	}
	s.server = to
	return nil
}

// unavailable reports whether req must not run on its caller now: the handler is
// to be replaced, or wants it offloaded.
func (s *supervised[Req, Resp]) unavailable(req Req) bool { return s.broken() || s.Offload(req) }

func (s *supervised[Req, Resp]) broken() bool { return s.child.Load().broken.Load() }

// restartsNow reports whether the handler is being replaced.
func (s *supervised[Req, Resp]) restartsNow() bool {
	if s == nil || !s.broken() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end == nil
}

// starts reports whether the handler that is there is a Starter.
func (s *supervised[Req, Resp]) starts() bool {
	_, ok := base(s.child.Load().Handler).(Starter)
	return ok
}

// start calls c's Start, if it has one.
func (s *supervised[Req, Resp]) start(c *child[Req, Resp]) error {
	h, ok := base(c.Handler).(Starter)
	if !ok {
		return nil
	}
	token, cancel := context.WithCancel(s.server.token)
	started := false
	defer func() {
		if !started { // also if Start has called Goexit
			cancel()
		}
	}()
	err := guard(func() error { return h.Start(token) })
	c.cancel, started = cancel, err == nil
	return err
}

// failed sees to c after a call that did not return: it panicked with v, or
// called Goexit if v is nil. It is called by the deferred function that recovered
// v, and panics with it again, for the server to see.
func (s *supervised[Req, Resp]) failed(c *child[Req, Resp], v any) {
	reason := failure(v)
	if !c.broken.Swap(true) { // otherwise it failed beside another call that did
		if c.cancel != nil {
			c.cancel()
		}
		n := s.again(reason)
		if n > 0 {
			s.restarting.Add(1)
			go s.restart(c, s.opts.pause(n))
		}
		s.report(reason, n) // last: a Logger may call Goexit
	}
	if v != nil {
		panic(v)
	}
}

// again counts a failure and returns how many there were of late, this one
// included, or 0 if that was one too many: then it has ended the server. No failure is
// one too many if the server has ended otherwise: nothing is restarted any more.
func (s *supervised[Req, Resp]) again(reason error) (n int) {
	s.mu.Lock()
	now := time.Now()
	for len(s.recent) > 0 && (now.Sub(s.recent[0]) > s.opts.Within || len(s.recent) >= 64 && s.opts.Max < 0) {
		s.recent = s.recent[1:] // without a limit, 64 are enough for the pause
	}
	if s.opts.Max < 0 || len(s.recent) < s.opts.Max || s.server.token.Err() != nil {
		s.recent = append(s.recent, now)
		n = len(s.recent)
	}
	s.mu.Unlock()
	if n > 0 {
		return n
	}
	// Without the lock: it asks for reason's text, which may be a method of the user's.
	end := fmt.Errorf("%w: %d within %v; the last failure: %w", ErrTooManyRestarts, s.opts.Max, s.opts.Within, reason)
	s.mu.Lock()
	s.end = end
	s.mu.Unlock()
	s.server.abort(ErrTooManyRestarts)
	return 0
}

// report logs a failure; n is what again returned. It is called when all has been
// done that others wait for.
func (s *supervised[Req, Resp]) report(reason error, n int) {
	log := s.server.opts.Logger
	if n > 0 {
		log.Warn("server: handler failed and is restarted", withStack(reason, "err", reason, "restart", n, "pause", s.opts.pause(n))...)
		return
	}
	s.mu.Lock()
	end := s.end
	s.mu.Unlock()
	log.Error("server: handler failed and is not restarted", withStack(reason, "err", end)...)
}

// restart replaces c, in as many attempts as it takes or as there may be. It is
// a goroutine; the server's end ends it.
func (s *supervised[Req, Resp]) restart(c *child[Req, Resp], pause time.Duration) {
	returned := false
	defer func() {
		if returned {
			s.restarting.Done()
			return
		}
		n := s.again(ErrGoexit) // of build, of Start or of the Logger
		if n > 0 {
			go s.restart(c, s.opts.pause(n))
		} else {
			defer s.restarting.Done()
		}
		s.report(ErrGoexit, n)
	}()
	if name := s.server.opts.Name; name != "" {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("server", name)))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for n := 1; n > 0; {
		select {
		case <-timer.C:
		case <-s.server.token.Done():
			returned = true
			return
		}
		err := s.replace(c)
		if err == nil || s.server.token.Err() != nil { // which may be why Start failed
			break
		}
		if n = s.again(err); n > 0 {
			timer.Reset(s.opts.pause(n))
		}
		s.report(err, n)
	}
	returned = true
}

// replace puts another handler in the place of c.
func (s *supervised[Req, Resp]) replace(c *child[Req, Resp]) error {
	var next *child[Req, Resp]
	err := guard(func() (err error) {
		next, err = s.make()
		return err
	})
	if err == nil {
		err = s.start(next)
	}
	if err != nil {
		return err
	}
	s.child.Store(next)
	s.restarts.Add(1)
	close(c.replaced)
	return nil
}

// halt waits until nothing is restarted any more, and returns why the server was
// ended, if it was. The token has ended.
func (s *supervised[Req, Resp]) halt() error {
	s.restarting.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

// rest waits, before a message is handled, until the handler is there. It
// reports whether the message was dropped.
func (s *Server[Req, Resp]) rest(e *dispatcher.Envelope[Req, Resp]) (dropped bool) {
	if s.clock != nil {
		defer s.clock.forget() // the turn was before the pause, which is no part of a call
	}
	for {
		c := s.supervised.child.Load()
		if !c.broken.Load() {
			return s.dropped(e) // in the meantime
		}
		select {
		case <-c.replaced:
		case <-s.token.Done(): // while a message is here, only by abort
			return s.dropped(e)
		}
	}
}
