package server

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/internal/spin"
	"github.com/sparkpipe/sparkpipe/queue"
)

// The server as a queue.Pusher.

// TryPush queues an envelope of a dispatcher without blocking: nil,
// queue.ErrFull or ErrServerClosed.
func (s *Server[Req, Resp]) TryPush(e dispatcher.Envelope[Req, Resp]) error {
	if s.role != nil {
		return s.role.tryPush(&e)
	}
	if s.lanes != nil {
		return s.lanes.lanes[0].tryPush(&e)
	}
	if s.opts.DropOldest {
		return s.insert(&e)
	}
	return s.pushed(s.loops.TryPush(e))
}

// Push queues an envelope of a dispatcher and blocks while the queue is full,
// until ctx ends; with Options.DropOldest it need not wait. The error is ctx.Err() or
// ErrServerClosed; then e was not queued.
func (s *Server[Req, Resp]) Push(ctx context.Context, e dispatcher.Envelope[Req, Resp]) error {
	return s.PushTimed(ctx, e, nil)
}

// PushTimed is Push that also ends, with context.DeadlineExceeded, when expired
// delivers.
func (s *Server[Req, Resp]) PushTimed(ctx context.Context, e dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	arg.Context(ctx, "server")
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.role != nil {
		return s.role.pushTimed(ctx, &e, expired)
	}
	if s.lanes != nil {
		return s.lanes.lanes[0].pushTimed(ctx, &e, expired)
	}
	if s.opts.DropOldest {
		return s.insertTimed(ctx, &e, expired)
	}
	return s.awaitPush(ctx, &e, expired)
}

// awaitPush queues e for the loops and blocks while that queue is full.
func (s *Server[Req, Resp]) awaitPush(ctx context.Context, e *dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	// All queues of package queue have it.
	timed := s.loops.(queue.TimedPusher[dispatcher.Envelope[Req, Resp]])
	return s.pushed(timed.PushTimed(ctx, *e, expired))
}

// PushBatch queues envelopes of a dispatcher in their order and blocks while
// the queue is full, until ctx ends. It returns how many were queued, and why
// not all.
func (s *Server[Req, Resp]) PushBatch(ctx context.Context, es []dispatcher.Envelope[Req, Resp]) (int, error) {
	arg.Context(ctx, "server")
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.role != nil {
		return s.role.pushBatch(ctx, es)
	}
	if s.lanes != nil {
		return s.lanes.lanes[0].pushBatch(ctx, es)
	}
	if s.opts.DropOldest {
		return s.insertAll(ctx, es)
	}
	n, err := s.loops.PushBatch(ctx, es)
	return n, s.pushed(err)
}

// pushed translates the error of the queue behind the loops.
func (s *Server[Req, Resp]) pushed(err error) error {
	switch err {
	case nil:
		s.watch.behind()
		return nil
	case queue.ErrClosed:
		return ErrServerClosed
	}
	return err
}

// room is where those who push on one ring wait while it is full.
type room struct {
	space park.Gate // they sleep
	full  spin.Flow // how the ring flows, as seen by those who found it full
}

// await calls push until the ring is no longer full, which it was: awake for a
// moment if messages flow, then asleep. It returns push's error, or says that ctx or
// expired ended the wait. popped counts what was popped from the ring.
func (r *room) await(
	ctx context.Context, expired <-chan time.Time,
	capacity int, popped func() uint64, hasRoom func() bool,
	push func() error,
) error {
	var err error
	try := func() bool {
		err = push()
		return err != queue.ErrFull
	}
	if r.full.Room(popped, capacity, try) {
		return err
	}
	if reason := r.space.Until(try, hasRoom, ctx.Done(), nil, expired); reason != park.Woken {
		return reason.Err(ctx)
	}
	return err
}

// pushAll queues es on one ring: with push as many as there is room for, and with
// pushOne, which waits, the one that finds it full.
func (s *Server[Req, Resp]) pushAll(
	es []dispatcher.Envelope[Req, Resp],
	push func([]dispatcher.Envelope[Req, Resp]) (int, ring.Status),
	pushOne func(*dispatcher.Envelope[Req, Resp]) error,
) (int, error) {
	for done := 0; done < len(es); {
		n, status := push(es[done:])
		done += n
		switch {
		case status == ring.Owner:
			s.engine.handOn()
		case status == ring.Closed:
			return done, ErrServerClosed
		case n > 0:
			s.watch.behind()
		default:
			if err := pushOne(&es[done]); err != nil {
				return done, err
			}
			done++
		}
	}
	return len(es), nil
}
