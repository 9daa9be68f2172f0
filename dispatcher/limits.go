package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/limit"
)

// admit passes one request through the rate limit and takes a place in flight,
// which release gives back. It waits if Overflow says so.
func (d *Dispatcher[Req, Resp]) admit(ctx context.Context, p *pending[Resp]) error {
	if err := d.passRate(ctx, p); err != nil || d.permits == nil {
		return err
	}
	return d.acquire(ctx, p)
}

// passRate passes one message through the rate limit, if there is one. p is the
// request's; nil for a command.
func (d *Dispatcher[Req, Resp]) passRate(ctx context.Context, p *pending[Resp]) error {
	switch {
	case d.limiter == nil || d.limiter.Allow() || d.isClosed():
		return nil
	case d.opts.Overflow == Reject:
		return ErrRateLimited
	}
	return d.waitRate(ctx, p)
}

// isClosed reports whether a push will be refused whatever the limits say: then that
// is the answer.
func (d *Dispatcher[Req, Resp]) isClosed() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// acquire takes a place in flight. The channel's own queue makes it first come,
// first served.
func (d *Dispatcher[Req, Resp]) acquire(ctx context.Context, p *pending[Resp]) error {
	switch {
	case d.tryAcquire():
		return nil
	case d.isClosed():
		return d.refusal(ctx, p)
	case d.opts.Overflow == Reject:
		return ErrInFlight
	}
	p.due() // for over
	select {
	case d.permits <- struct{}{}:
		return nil
	case <-d.closing:
		return d.refusal(ctx, p)
	case <-ctx.Done():
		return arg.Ended(ctx)
	case <-p.clock():
		p.ticked = true
		return ErrTimeout
	}
}

// refusal is what a push answers that is refused because the target is closed. There is
// no place for the request that is to be sent, so one that is over is offered: if Closing
// is wrong, and that is accepted, it is dropped when its turn comes.
func (d *Dispatcher[Req, Resp]) refusal(ctx context.Context, p *pending[Resp]) error {
	gen := p.slot.Arm()
	p.slot.Disarm()
	if err := accepted(d.to.TryPush(Envelope[Req, Resp]{ctx: ctx, slot: p.slot, gen: gen})); err != nil {
		return err
	}
	return ErrClosed
}

func (d *Dispatcher[Req, Resp]) tryAcquire() bool {
	select {
	case d.permits <- struct{}{}:
		return true
	default:
		return false
	}
}

// release gives a place in flight back.
func (s *shared) release() {
	if s.permits != nil {
		<-s.permits
	}
}

// SetRate changes Options.RateLimit and Options.Burst, whose rules hold, while the
// dispatcher works; a limit of 0, with a burst of 0, lifts it. It does not block.
// What may be sent at once now may still be, up to the new burst. Senders that wait
// are let through at the new rate, in their order; those whose turn would now come
// after their ctx or Timeout ends are refused at once.
//
// It is an error if the dispatcher was made without a RateLimit, as it then has
// nothing to change and pays nothing for it, or with a Limiter, which has its own
// rate. To begin without a limit, make the dispatcher with any RateLimit and call
// SetRate(0, 0).
func (d *Dispatcher[Req, Resp]) SetRate(limit float64, burst int) error {
	if err := validRate("SetRate: ", limit, burst); err != nil {
		return err
	}
	switch {
	case d.opts.Limiter != nil:
		return errors.New("dispatcher: SetRate: the rate is that of Options.Limiter")
	case d.rate == nil:
		return errors.New("dispatcher: SetRate: made without Options.RateLimit")
	}
	d.rate.SetRate(limit, burstOf(limit, burst))
	return nil
}

// waitRate waits for the rate limit, at the longest until ctx or the Timeout
// ends. A wait that would be longer fails at once.
func (d *Dispatcher[Req, Resp]) waitRate(ctx context.Context, p *pending[Resp]) error {
	if d.rate == nil {
		return d.waitLimiter(ctx, p)
	}
	longest := time.Duration(math.MaxInt64)
	var expired <-chan time.Time
	if p != nil && p.timeout > 0 {
		longest, expired = time.Until(p.due()), p.clock()
	}
	switch d.rate.Wait(ctx, longest, expired, d.closing) {
	case limit.Hopeless:
		// Whichever is first; SetRate may have brought this about long after longest was.
		if at, ok := ctx.Deadline(); ok && (expired == nil || !at.After(p.deadline)) {
			return errTooLate
		}
		if expired != nil {
			return errTooLateTimeout
		}
		return ErrRateLimited // by decades
	case limit.Ended:
		return arg.Ended(ctx)
	case limit.Expired:
		p.ticked = true
		return ErrTimeout
	}
	return nil // or it is Gone, and the push says so
}

// waitLimiter waits for a Limiter of the user's own, which knows contexts only.
func (d *Dispatcher[Req, Resp]) waitLimiter(ctx context.Context, p *pending[Resp]) error {
	limited := ctx
	if p != nil && p.timeout > 0 {
		p.clock() // what the limiter takes is taken from the time for the reply
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, p.deadline)
		defer cancel()
	}
	if d.closing != nil {
		var cancel context.CancelFunc
		limited, cancel = context.WithCancel(limited)
		defer cancel()
		go func(done <-chan struct{}) {
			select {
			case <-d.closing:
				cancel()
			case <-done:
			}
		}(limited.Done())
	}
	err := d.opts.Limiter.Wait(limited)
	switch {
	case err == nil || d.isClosed():
		return nil // the push says that it is closed
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return ErrTimeout
	}
	// It failed before its time was up: it saw that the wait would be too long.
	return fmt.Errorf("%w: %w", ErrRateLimited, err)
}
