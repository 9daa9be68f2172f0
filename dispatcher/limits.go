package dispatcher

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"
)

// admit passes one message through the rate limit and, if it is a request,
// takes a place in flight, which release gives back. It waits if Overflow says
// so. p is the request's; nil for a command.
func (d *Dispatcher[Req, Resp]) admit(ctx context.Context, p *pending[Resp]) error {
	if d.limiter != nil && !d.limiter.Allow() {
		if d.opts.Overflow == Reject {
			return ErrRateLimited
		}
		if err := d.waitRate(ctx, p); err != nil {
			return err
		}
	}
	if p == nil || d.permits == nil {
		return nil
	}
	return d.acquire(ctx, p)
}

// acquire takes a place in flight. The channel's own queue makes it first come,
// first served.
func (d *Dispatcher[Req, Resp]) acquire(ctx context.Context, p *pending[Resp]) error {
	if d.tryAcquire() {
		return nil
	}
	if d.opts.Overflow == Reject {
		return ErrInFlight
	}
	select {
	case d.permits <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.clock():
		p.expired = true
		return ErrTimeout
	}
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

// waitRate waits for the rate limit, at the longest until ctx or the Timeout
// ends. A wait that would be longer fails at once.
func (d *Dispatcher[Req, Resp]) waitRate(ctx context.Context, p *pending[Resp]) error {
	if d.opts.Limiter != nil {
		return d.waitLimiter(ctx, p)
	}
	r := d.limiter.(*rate.Limiter).Reserve() // made by Options.validate
	delay := r.Delay()
	if deadline, ok := ctx.Deadline(); ok && delay > time.Until(deadline) ||
		p != nil && p.timeout > 0 && delay > p.timeout {
		r.Cancel()
		return ErrRateLimited
	}
	var expired <-chan time.Time
	if p != nil {
		expired = p.clock()
	}
	tick := time.NewTimer(delay)
	defer tick.Stop()
	select {
	case <-tick.C:
		return nil
	case <-ctx.Done():
		r.Cancel()
		return ctx.Err()
	case <-expired:
		p.expired = true
		r.Cancel()
		return ErrTimeout
	}
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
	err := d.limiter.Wait(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return ErrTimeout
	}
	// It failed before its time was up: it saw that the wait would be too long.
	return errors.Join(ErrRateLimited, err)
}
