package dispatcher

import (
	"context"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/counter"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/reply"
)

// Call is a request that was sent with Dispatcher.Go. Its methods may be called by
// many goroutines at once. It is not recycled and keeps its outcome: hold it for as
// long as you like.
type Call[Resp any] struct{ state call[Resp] }

// call has its own type so that its hook is not a method of Call.
type call[Resp any] struct {
	slot reply.Slot[Resp]
	gate park.Gate // those who Wait

	ctx      context.Context
	deadline time.Duration // from epoch to the end of Options.Timeout; 0: none
	shared   *shared
}

// shared is what the calls of a dispatcher share with it, whatever the type of
// their requests.
type shared struct {
	counters counter.Set
	permits  chan struct{} // MaxInFlight of them; nil: no limit. Its senders queue in order
	waiters  sync.Pool     // of the gates of calls
	timers   sync.Pool     // of *park.Timer
}

// Go sends req and returns without waiting for the reply, which the Call will
// have: send several, then wait for each. Go blocks, and refuses, as Request does
// until it is queued: for the limits and for room, until ctx or Options.Timeout
// ends, which are those of the request.
//
// A server does not handle it if ctx ends before its turn; nor if the Timeout ends
// before its turn and somebody has called Wait or Ready since. A Call that nobody
// looks at keeps its place in flight until it is answered.
//
// Go allocates the Call and nothing else.
func (d *Dispatcher[Req, Resp]) Go(ctx context.Context, req Req) (*Call[Resp], error) {
	arg.Context(ctx, "dispatcher")
	var p *pending[Resp] // for the limits and the Timeout
	if d.limited || d.opts.Timeout > 0 {
		p = d.get()
		defer d.put(p)
	}
	err := ctx.Err()
	queued := false
	if err == nil && d.limited {
		if err = d.admit(ctx, p); err == nil {
			defer func() {
				if !queued { // also if a hook of server.Options.DropOldest calls Goexit
					d.release()
				}
			}()
			err = p.ended(ctx)
		}
	}
	if err != nil {
		return nil, d.refused(err)
	}
	c := d.newCall()
	s := &c.state
	s.ctx, s.shared, s.deadline = ctx, &d.shared, 0
	if p != nil && p.timeout > 0 {
		s.deadline = p.due().Sub(epoch)
	}
	s.gate.Pool = &d.shared.waiters
	s.slot.Hook(s)
	if err := d.push(ctx, req, &s.slot, s.slot.Arm(), p); err != nil {
		s.slot.Disarm() // nobody knows of it, so it can be the next one
		s.ctx = nil
		d.unsent.Put(c)
		d.spare.Store(true)
		return nil, d.refused(err)
	}
	queued = true
	d.counters.Add(cQueued, 1)
	return c, nil
}

// newCall returns a Call that is nobody's.
func (d *Dispatcher[Req, Resp]) newCall() *Call[Resp] {
	if d.spare.Load() { // to find a sync.Pool empty takes as long as to send
		if c, _ := d.unsent.Get().(*Call[Resp]); c != nil {
			return c
		}
		d.spare.Store(false)
	}
	return new(Call[Resp])
}

// Resolving is called once, by whoever resolves the slot, before the outcome is
// to be seen: who sees it finds the place in flight free.
func (s *call[Resp]) Resolving() {
	s.shared.counters.Add(cAnswered, 1)
	if _, err := s.slot.Peek(); err != nil && isOf(s.ctx, err) {
		s.shared.counters.Add(cCancelled, 1)
	}
	s.shared.release()
}

// Resolved is called once, when the outcome is there.
func (s *call[Resp]) Resolved() { s.gate.Wake() }

// Ready reports whether Wait would return the outcome at once. It does not block.
// If the request's ctx or Timeout has ended before there was a reply, that is its
// outcome.
func (c *Call[Resp]) Ready() bool { return c.state.slot.Done() || c.state.settle() }

// Wait returns the outcome of the request, as Request would have, and blocks
// until it is there. It may be called again, and returns the same.
//
// When ctx ends first, Wait returns ctx.Err(); a nil ctx panics. This ctx bounds the
// wait and not the request, which goes on: wait again.
func (c *Call[Resp]) Wait(ctx context.Context) (Resp, error) {
	arg.Context(ctx, "dispatcher")
	s := &c.state
	if s.slot.Done() {
		return s.slot.Peek()
	}
	if err := s.wait(ctx); err != nil {
		var zero Resp
		return zero, err
	}
	return s.slot.Peek()
}

// wait sleeps until the slot is done, and resolves it if the request's own ctx
// or time ends. The error is that of the wait's ctx.
func (s *call[Resp]) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		s.settle() // ctx may be the request's, too
		return err
	}
	own := s.ctx.Done()
	var expired <-chan time.Time
	var reason park.Reason
	if s.deadline != 0 {
		timer := s.shared.timers.Get().(*park.Timer)
		expired = timer.Start(s.deadline - time.Since(epoch))
		defer func() {
			timer.Stop(reason == park.Expired)
			s.shared.timers.Put(timer)
		}()
	}
	reason = s.gate.Until(s.slot.Done, s.slot.Done, ctx.Done(), own, expired)
	switch reason {
	case park.Woken:
		return nil
	case park.Done:
		s.settle()
		return arg.Ended(ctx)
	case park.Also:
		s.give(arg.Ended(s.ctx), cCancelled)
	case park.Expired:
		s.give(ErrTimeout, cTimedOut)
	}
	// There is an outcome now, or another one is about to be there.
	if s.gate.Until(s.slot.Done, s.slot.Done, ctx.Done(), nil, nil) == park.Done {
		return arg.Ended(ctx)
	}
	return nil
}

// settle resolves the slot if the request's ctx or time has ended, and reports
// whether there is an outcome then.
func (s *call[Resp]) settle() bool {
	if err := s.ctx.Err(); err != nil {
		s.give(err, cCancelled)
	} else if s.deadline != 0 && time.Since(epoch) >= s.deadline {
		s.give(ErrTimeout, cTimedOut)
	}
	return s.slot.Done() // not if an answer is just being written
}

// give resolves the slot with err, unless an answer was first. Resolving has counted
// err if ctx says that it is its own.
func (s *call[Resp]) give(err error, counted int) {
	var zero Resp
	if s.slot.Resolve(s.slot.Generation(), zero, err) && !isOf(s.ctx, err) {
		s.shared.counters.Add(counted, 1)
	}
}
