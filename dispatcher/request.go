package dispatcher

import (
	"context"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

// Request sends req and returns the handler's reply: its response and its
// error as they are. It blocks until then, or until ctx or Options.Timeout
// ends, whichever is first; a request whose ctx or Timeout ended before its
// turn is not handled.
//
// The other errors are: ctx.Err(); ErrTimeout; a refusal, which is
// ErrOverloaded; ErrClosed, which is server.ErrServerClosed if a server was
// closed; and from a server those of package server, such as *PanicError.
//
// On a *server.Server the handler may run on this goroutine, as
// server.Options.CallerRuns says. Then it is not interrupted.
func (d *Dispatcher[Req, Resp]) Request(ctx context.Context, req Req) (Resp, error) {
	arg.Context(ctx, "dispatcher")
	if d.inline != nil && !d.limited && ctx.Err() == nil {
		if resp, err, ran := d.inline.TryInline(ctx, req); ran {
			return resp, err
		}
	}
	p := d.get()
	resp, err := d.request(ctx, req, p)
	d.put(p)
	return resp, err
}

// request is Request with the limits, through the queue if need be.
func (d *Dispatcher[Req, Resp]) request(ctx context.Context, req Req, p *pending[Resp]) (resp Resp, err error) {
	if err := ctx.Err(); err != nil {
		return resp, d.refused(err)
	}
	if d.limited {
		if err := d.admit(ctx, p); err != nil {
			return resp, d.refused(err)
		}
		// Deferred, because on the inline path below a handler may end this
		// goroutine with Goexit, and the place in flight must not go with it.
		defer d.release()
		if err := p.ended(ctx); err != nil {
			return resp, d.refused(err)
		}
		if d.inline != nil {
			if resp, err, ran := d.inline.TryInline(ctx, req); ran {
				return resp, err
			}
		}
	}
	if err := d.enqueue(ctx, req, p); err != nil {
		return resp, d.refused(err)
	}
	return d.await(ctx, p)
}

// enqueue arms p's slot and queues the request. After an error nobody has the
// slot.
func (d *Dispatcher[Req, Resp]) enqueue(ctx context.Context, req Req, p *pending[Resp]) error {
	if err := d.push(ctx, req, p.slot, p.slot.Arm(), p); err != nil {
		p.slot.Disarm()
		return err
	}
	d.counters.Add(cQueued, 1)
	return nil
}

// await waits for the reply of a request that was queued.
func (d *Dispatcher[Req, Resp]) await(ctx context.Context, p *pending[Resp]) (resp Resp, err error) {
	if !p.slot.Done() {
		switch p.slot.Wait(ctx.Done(), p.clock()) {
		case park.Done:
			err = arg.Ended(ctx)
		case park.Expired:
			p.ticked = true
			err = ErrTimeout
		}
	}
	d.counters.Add(cAnswered, 1)
	if err != nil {
		return resp, d.refused(err)
	}
	if resp, err = p.slot.Take(); err != nil && isOf(ctx, err) {
		d.counters.Add(cCancelled, 1)
	}
	return resp, err
}
