package server

import (
	"context"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/pad"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// lane is the pushers' side of one lane: it is what Server.Lane returns.
type lane[Req, Resp any] struct {
	*laneEngine[Req, Resp]
	i int
	room
	_ pad.Line // the next lane has other pushers
}

var _ interface {
	queue.Pusher[dispatcher.Envelope[int, int]]
	queue.TimedPusher[dispatcher.Envelope[int, int]]
	dispatcher.Inline[int, int]
	dispatcher.InlineAll[int, int]
	dispatcher.Closing
	dispatcher.Stamped
} = (*lane[int, int])(nil)

// Lane returns the way to lane i of Options.Lanes, 0 being the most urgent. It is
// for dispatcher.New, which looks for it when dispatcher.Options.Lane is set. The
// server's own methods push on lane 0. A lane that there is not is an error.
func (s *Server[Req, Resp]) Lane(i int) (queue.Pusher[dispatcher.Envelope[Req, Resp]], error) {
	switch {
	case i < 0 || i >= s.opts.Lanes:
		return nil, fmt.Errorf("server: %d is not one of its lanes, of which there are %d", i, s.opts.Lanes)
	case s.lanes == nil:
		return s, nil
	}
	return &s.lanes.lanes[i], nil
}

// TryPush queues e on the lane without blocking, as that of Server.
func (p *lane[Req, Resp]) TryPush(e dispatcher.Envelope[Req, Resp]) error { return p.tryPush(&e) }

func (p *lane[Req, Resp]) tryPush(e *dispatcher.Envelope[Req, Resp]) error {
	for t := (tries{}); ; {
		switch p.set.Push(p.i, e) {
		case ring.Owner:
			p.wake.Give()
			return nil
		case ring.OK:
			p.server.watch.behind()
			return nil
		case ring.Closed:
			return ErrServerClosed
		}
		if !p.server.opts.DropOldest || t.evicted == maxEvictions {
			return queue.ErrFull
		}
		p.server.evict(&t, p.i, p.popFull, &p.space)
	}
}

func (p *lane[Req, Resp]) popFull() (dispatcher.Envelope[Req, Resp], bool) { return p.set.PopFull(p.i) }

// Push is PushTimed without a timer.
func (p *lane[Req, Resp]) Push(ctx context.Context, e dispatcher.Envelope[Req, Resp]) error {
	return p.PushTimed(ctx, e, nil)
}

// PushTimed queues e on the lane and blocks while that is full, as that of Server.
func (p *lane[Req, Resp]) PushTimed(ctx context.Context, e dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	arg.Context(ctx, "server")
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.pushTimed(ctx, &e, expired)
}

func (p *lane[Req, Resp]) pushTimed(ctx context.Context, e *dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	push := func() error { return p.tryPush(e) }
	if err := push(); err != queue.ErrFull {
		return err
	}
	popped := func() uint64 { return p.set.Popped(p.i) }
	hasRoom := func() bool { return p.set.HasRoom(p.i) }
	return p.await(ctx, expired, p.set.Cap(), popped, hasRoom, push)
}

// PushBatch queues es on the lane, as that of Server.
func (p *lane[Req, Resp]) PushBatch(ctx context.Context, es []dispatcher.Envelope[Req, Resp]) (int, error) {
	arg.Context(ctx, "server")
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return p.pushBatch(ctx, es)
}

func (p *lane[Req, Resp]) pushBatch(ctx context.Context, es []dispatcher.Envelope[Req, Resp]) (int, error) {
	push := func(es []dispatcher.Envelope[Req, Resp]) (int, ring.Status) { return p.set.PushBatch(p.i, es) }
	return p.server.pushAll(es, push, func(e *dispatcher.Envelope[Req, Resp]) error {
		return p.pushTimed(ctx, e, nil)
	})
}

// TryInline is that of Server: a request of any lane may run on its caller if all
// lanes are idle.
func (p *lane[Req, Resp]) TryInline(ctx context.Context, req Req) (resp Resp, err error, ran bool) {
	arg.Context(ctx, "server")
	return p.tryInline(ctx, req)
}

// TryInlineAll is that of Server.
func (p *lane[Req, Resp]) TryInlineAll(ctx context.Context, reqs []Req, out []dispatcher.Result[Resp]) int {
	return p.server.TryInlineAll(ctx, reqs, out)
}

// Closing is that of Server.
func (p *lane[Req, Resp]) Closing() <-chan struct{} { return p.server.Closing() }

// WantsEnqueued is that of Server.
func (p *lane[Req, Resp]) WantsEnqueued() bool { return p.server.WantsEnqueued() }
