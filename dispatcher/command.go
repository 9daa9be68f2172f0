package dispatcher

import (
	"context"

	"github.com/sparkpipe/sparkpipe/internal/arg"
)

// Send sends a command: nil means that it was accepted and will be handled
// once, or handed to server.Options.OnCommandError if the server is closed
// first. It does not wait for the handler. ctx governs the acceptance only: it
// bounds how long Send waits for the limits and for the queue, and a command
// that was accepted is handled even if ctx ends then. The handler is given ctx
// as it is.
//
// The error is ctx.Err(), a refusal, which is ErrOverloaded, or ErrClosed; then
// the command was not accepted.
func (d *Dispatcher[Req, Resp]) Send(ctx context.Context, cmd Req) error {
	arg.Context(ctx, "dispatcher")
	err := ctx.Err()
	if err == nil && d.limiter != nil {
		err = d.admit(ctx, nil)
	}
	if err == nil {
		err = d.push(ctx, cmd, nil, 0, nil)
	}
	return d.sent(err)
}

// TrySend is Send that never waits, whatever Options.Overflow says: where Send
// would wait it refuses. The handler's context is context.Background.
func (d *Dispatcher[Req, Resp]) TrySend(cmd Req) error {
	if d.limiter != nil && !d.limiter.Allow() {
		return d.refused(ErrRateLimited)
	}
	return d.sent(accepted(d.to.TryPush(Envelope[Req, Resp]{ctx: context.Background(), msg: cmd, at: d.stamp()})))
}

func (d *Dispatcher[Req, Resp]) sent(err error) error {
	if err != nil {
		return d.refused(err)
	}
	d.counters.Add(cCommands, 1)
	return nil
}

// SendAll sends commands in their order and returns how many were accepted: a
// prefix of that length was, and the error, one of Send's, says why it is
// shorter. It blocks as Send does. Unless there is a rate limit, or Overflow is
// Reject, they are queued in batches of 64, which is cheaper than one by one.
func (d *Dispatcher[Req, Resp]) SendAll(ctx context.Context, cmds []Req) (int, error) {
	arg.Context(ctx, "dispatcher")
	b := d.batches.Get().(*batch[Req, Resp])
	defer d.batches.Put(b)
	for done := 0; done < len(cmds); {
		if err := ctx.Err(); err != nil {
			return done, d.refused(err)
		}
		chunk := cmds[done:min(done+batchSize, len(cmds))]
		n, err := d.sendChunk(ctx, chunk, b)
		d.counters.Add(cCommands, uint64(n))
		done += n
		if err != nil {
			return done, d.refused(err)
		}
	}
	return len(cmds), nil
}

func (d *Dispatcher[Req, Resp]) sendChunk(ctx context.Context, cmds []Req, b *batch[Req, Resp]) (int, error) {
	if d.limiter != nil || d.opts.Overflow == Reject {
		// One by one: each may be refused by itself.
		for i, cmd := range cmds {
			if d.limiter != nil {
				if err := d.admit(ctx, nil); err != nil {
					return i, err
				}
			}
			if err := d.push(ctx, cmd, nil, 0, nil); err != nil {
				return i, err
			}
		}
		return len(cmds), nil
	}
	envelopes := b.envelopes[:len(cmds)]
	for i := range cmds {
		e := &envelopes[i] // zero
		e.ctx, e.msg, e.at = ctx, cmds[i], d.stamp()
	}
	defer clear(envelopes) // what was sent is not kept alive
	n, err := d.to.PushBatch(ctx, envelopes)
	return n, accepted(err)
}
