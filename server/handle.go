package server

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// handle sees to one queued message: it is handled, offloaded, or answered
// with the reason why not. owner says whether the caller drains the queue, or is
// a worker of the pool, to which the message was offloaded. called says whether
// the handler was called. If it calls Goexit, handle does not return, but the
// message has its outcome.
func (s *Server[Req, Resp]) handle(e *dispatcher.Envelope[Req, Resp], owner bool) (called bool) {
	at := looking
	defer func() {
		// While looking, only a request's ctx is asked anything; a command has its
		// outcome then, and its hook has called Goexit.
		if at != settled && (at != looking || e.IsRequest()) {
			s.cutShort(e, at, s.unwound(recover()))
		}
	}()
	if s.dropped(e) || s.clock != nil && s.overdue(e, owner) || s.supervised != nil && s.supervised.broken() && s.rest(e) {
		at = settled
		return false
	}
	at = choosing
	if owner && s.toPool != nil && s.toPool(e.Message()) {
		at = chosen
		s.submit(e, &at)
	} else {
		at, called = chosen, true
		if err := s.call(e, owner); err != nil {
			at = settled
			s.failedCommand(e.Message(), err)
		}
	}
	at = settled
	return called
}

// How far handle has come.
const (
	looking  = iota // whether it is to be handled at all
	choosing        // whether to offload
	chosen
	settled // done, or a hook has been told: it may call Goexit, and is not told twice
)

// cutShort gives e its outcome after handle was left in the middle.
func (s *Server[Req, Resp]) cutShort(e *dispatcher.Envelope[Req, Resp], at int, err error) {
	if at <= choosing {
		s.refused(e, err) // it was Offload that did not return, or a method of ctx
	} else {
		s.lost(e, err)
	}
}

// dropped answers a message that is not to be handled any more.
func (s *Server[Req, Resp]) dropped(e *dispatcher.Envelope[Req, Resp]) bool {
	if s.aborting.Load() {
		s.refused(e, ErrServerClosed)
		return true
	}
	if !e.IsRequest() {
		return false
	}
	if e.Abandoned() {
		s.counters.Add(cExpired, 1)
		return true
	}
	if err := e.Context().Err(); err != nil {
		s.counters.Add(cExpired, 1)
		var zero Resp
		e.Reply(zero, err)
		return true
	}
	return false
}

// call calls the handler and answers a request; the error is a command's. owner as
// in handle.
func (s *Server[Req, Resp]) call(e *dispatcher.Envelope[Req, Resp], owner bool) error {
	h := s.handler
	if !owner {
		h = s.remote
	}
	s.count(e, owner)
	if !e.IsRequest() {
		err := h.HandleCommand(e.Context(), e.Message())
		if err != nil {
			s.counters.Add(cFailed, 1)
		}
		return err
	}
	var resp Resp
	var err error
	if o := s.owning; owner && o != nil && o.mode != CallerRunsNever && o.tally.due() {
		start := time.Now()
		resp, err = h.HandleRequest(e.Context(), e.Message())
		o.tally.skip = o.pace.note(time.Since(start))
	} else {
		resp, err = h.HandleRequest(e.Context(), e.Message())
	}
	if err != nil {
		s.counters.Add(cFailed, 1)
	}
	e.Reply(resp, err)
	return nil
}

// count counts a message that is about to be handled.
func (s *Server[Req, Resp]) count(e *dispatcher.Envelope[Req, Resp], owner bool) {
	switch {
	case owner && s.owning != nil:
		s.owning.tally.count(e.IsRequest())
	case e.IsRequest():
		s.counters.Add(cRequests, 1)
	default:
		s.counters.Add(cCommands, 1)
	}
}

// unwound counts a handler call that did not return, and makes its outcome.
func (s *Server[Req, Resp]) unwound(v any) error {
	s.counters.Add(cPanicked, 1)
	return failure(v)
}

// failure is the error of a call that did not return: it panicked with v, or called
// Goexit if v is nil. It is for the deferred function that recovered v, as the stack is
// still that of the panic there.
func failure(v any) error {
	if v == nil {
		return ErrGoexit
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}

// refused answers a message that was accepted and will not be handled.
func (s *Server[Req, Resp]) refused(e *dispatcher.Envelope[Req, Resp], err error) {
	switch err {
	case ErrPoolFull:
		s.counters.Add(cPoolFull, 1)
	case ErrServerClosed:
		s.counters.Add(cRefused, 1)
	default:
		s.counters.Add(cNotOffloaded, 1)
	}
	s.lost(e, err)
}

// lost gives a message the outcome err. Refusals come by the queueful, and are
// counted: they are not logged. What a handler returned is logged whatever it is,
// so that one that sends to another server does not fail unseen.
func (s *Server[Req, Resp]) lost(e *dispatcher.Envelope[Req, Resp], err error) {
	switch {
	case e.IsRequest():
		var zero Resp
		e.Reply(zero, err)
	case err == ErrServerClosed || err == ErrPoolFull || err == dispatcher.ErrShed:
		s.tellHook(e.Message(), err)
	default:
		s.failedCommand(e.Message(), err)
	}
}

// failedCommand tells the log and the hook: there is nobody else to tell.
func (s *Server[Req, Resp]) failedCommand(cmd Req, err error) {
	defer s.tellHook(cmd, err) // also if the Logger calls Goexit
	s.opts.Logger.Warn("server: command failed", withStack(err, "type", fmt.Sprintf("%T", cmd), "err", err)...)
}

// withStack returns what to log of a failure, args, and the stack if it is a
// panic's: the text of its error does not say where it was.
func withStack(err error, args ...any) []any {
	if p, ok := err.(*PanicError); ok {
		args = append(args, "stack", string(p.Stack))
	}
	return args
}

func (s *Server[Req, Resp]) tellHook(cmd Req, err error) {
	if s.opts.OnCommandError == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error("server: OnCommandError panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	s.opts.OnCommandError(cmd, err)
}
