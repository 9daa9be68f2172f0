package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/errs"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Run serves until Shutdown or Close was called and nothing is left to do; then it
// returns nil. When ctx ends it does as Close does, and returns ctx's error. Either
// way it returns when the server has ended, which a handler call that does not
// return puts off; errors of the handler's Start and Stop, and ErrTooManyRestarts,
// are returned, too.
//
// A second Run returns ErrRunTwice. A first one after Shutdown or Close returns nil
// when the server has ended. No handler runs on the goroutine that calls Run.
func (s *Server[Req, Resp]) Run(ctx context.Context) error {
	arg.Context(ctx, "server")
	over := ctx.Err() != nil // asked without the lock: ctx may be a type of the user's
	s.mu.Lock()
	if s.ran {
		s.mu.Unlock()
		return ErrRunTwice
	}
	s.ran = true
	if !over {
		s.launch(true)
	}
	s.mu.Unlock()
	ended := s.wait(ctx)
	if ended != nil {
		s.abort(ErrServerClosed)
		<-s.done
	}
	if s.startErr == nil && s.restartErr == nil && s.stopErr == nil {
		return ended
	}
	return errors.Join(ended, s.startErr, s.restartErr, s.stopErr)
}

// Shutdown ends the server gracefully: it refuses messages from now on, with
// ErrServerClosed, handles all that were accepted, calls the handler's Stop and
// returns its error, or nil. It waits for this; when ctx ends first it returns
// an error that is ctx's and tells what still runs. The server goes on to its
// end, and Shutdown may be called again to wait further; once the server has
// ended, Shutdown returns at once. With a ctx that has ended it begins the end and
// does not wait.
//
// Close, or the end of Run's ctx, cuts the drain short: what is left then is refused
// with ErrServerClosed and counted in Stats.Refused, and Shutdown says nothing of it.
//
// The error of a Shutdown whose ctx ended first names the handler calls that have
// not returned, up to three of them, with the type of their message and for how long
// they have run; of those that are offloaded, it names the one that has run longest.
// The time of an offloaded call is exact; that of another is a lower bound, from
// what Shutdown saw while it waited, as not every call is timed. The number of
// messages that wait may be up to 31 too high, as for Options.SlowHandler. The type
// of a request that runs on its caller's goroutine is not known if Req is an
// interface. While a handler is restarted (Supervise) the error says so, and a call
// that it names may be waiting for that. HandlerStacks, in this module's package
// pprof, shows where the calls stand.
//
// Shutdown needs no Run: without one, it starts the handler if messages wait (with
// a backend other than the ring, in any case), and has them handled. A handler must
// not call Shutdown without a ctx that ends: it waits for the handler.
func (s *Server[Req, Resp]) Shutdown(ctx context.Context) error {
	arg.Context(ctx, "server")
	done := ctx.Done() // asked here, and without the lock: it may panic
	s.mu.Lock()
	s.stopCtx, s.stopDone = ctx, done
	s.refuse()
	waiting := s.waiting()
	// Only rings count a push that is under way.
	s.launch(waiting > 0 || s.opts.Queue.Backend != queue.BackendRing)
	ran := s.ran
	s.mu.Unlock()
	if left, err := s.await(ctx); err != nil {
		return fmt.Errorf("%s: shutdown: %w (%s)", errs.Named("server", s.opts.Name), err, left)
	}
	return s.outcome(ran)
}

// await is wait that says what is left if ctx ends first.
func (s *Server[Req, Resp]) await(ctx context.Context) (left string, err error) {
	v := vigil{}
	v.look(s.underWay(), time.Now())
	interval := time.Millisecond
	looking := time.NewTimer(interval)
	defer looking.Stop()
	for {
		select {
		case <-s.done:
			return "", nil
		case <-looking.C:
			v.look(s.underWay(), time.Now())
			interval = min(2*interval, time.Second) // as exact as it needs to be
			looking.Reset(interval)
		case <-ctx.Done():
			if err := s.wait(ctx); err == nil {
				return "", nil
			}
			return s.left(v), arg.Ended(ctx)
		}
	}
}

// wait waits for the server's end. The error is ctx's, if it ends first; when
// the server has ended, ctx does not matter.
func (s *Server[Req, Resp]) wait(ctx context.Context) error {
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-s.done:
		return nil
	default:
		return arg.Ended(ctx)
	}
}

// outcome is what Shutdown returns after the end: the error of Stop, and those of
// Start and of restarts if there is no Run to return them.
func (s *Server[Req, Resp]) outcome(ran bool) error {
	switch {
	case ran:
	case s.startErr != nil:
		return s.startErr
	case s.restartErr != nil:
		return s.restartErr
	}
	return s.stopErr
}

// Close ends the server now: it refuses messages from now on, and what was accepted
// and not handled is answered, with ErrServerClosed, as soon as the handler call
// that runs has returned; commands are handed to Options.OnCommandError with that
// error. An offloaded message that the pool has taken is answered when a worker
// comes to it: not at once, if the workers are busy with something else. The
// handler's Stop is called. Close does not wait for any of this, so a handler may
// call it; Done tells when it is over. The error is always nil.
func (s *Server[Req, Resp]) Close() error {
	s.abort(ErrServerClosed)
	return nil
}

// Done returns a channel that is closed when the server has ended: its goroutines
// are gone, and all messages have their outcome.
func (s *Server[Req, Resp]) Done() <-chan struct{} { return s.done }

// Closing returns a channel that is closed when the server refuses all further
// messages, because Shutdown or Close was called or Run's ctx has ended. It is for
// dispatcher.New, and for goroutines of yours that are to stop at that moment; the
// token ends later (see Context).
func (s *Server[Req, Resp]) Closing() <-chan struct{} { return s.closing }

// Context returns the cancellation token: it ends when Close is called or Run's
// ctx ends, or when Shutdown has seen the last message handled. Its cause is
// ErrServerClosed, or ErrTooManyRestarts. A Starter is given it in Start.
func (s *Server[Req, Resp]) Context() context.Context { return s.token }

// abort ends the server now; cause is that of the token.
func (s *Server[Req, Resp]) abort(cause error) {
	s.mu.Lock()
	s.refuse()
	// Only now: as long as messages come in, none may be answered ErrServerClosed.
	s.aborting.Store(true)
	s.launch(false)
	s.mu.Unlock()
	s.cancel(cause)
}

// refuse closes the queue. Afterwards no message comes in, and those that have
// will all be popped by whoever drains. s.mu is held.
func (s *Server[Req, Resp]) refuse() {
	if s.engine != nil {
		s.engine.close()
	} else {
		s.loops.Close()
	}
	select {
	case <-s.closing: // it was before
	default:
		close(s.closing)
	}
}
