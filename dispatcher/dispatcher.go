package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/limit"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/reply"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Dispatcher sends messages to one server or queue. Use New. It need not be closed,
// and runs no goroutine but one for the time of each wait for Options.Limiter. All
// methods may be called from many goroutines at once, and there may be many
// dispatchers to one server, each with its own limits. A nil context is a
// programming error and panics.
type Dispatcher[Req, Resp any] struct {
	to        queue.Pusher[Envelope[Req, Resp]]
	timed     queue.TimedPusher[Envelope[Req, Resp]] // to, if it has it
	inline    Inline[Req, Resp]                      // to, if it has it
	inlineAll InlineAll[Req, Resp]                   // to, if it has it and the requests of RequestAll have no limits

	closing <-chan struct{} // of to, if it has it
	opts    Options
	limiter interface{ Allow() bool } // nil: no rate limit
	rate    *limit.Limiter            // the limiter, unless it is Options.Limiter
	limited bool                      // there is a rate limit or a limit in flight
	dated   bool                      // something that a request waits for knows contexts only: it needs a deadline

	shared
	pending sync.Pool   // of *pending[Resp]: requests that wait for their reply
	batches sync.Pool   // of *batch[Resp]
	chunks  sync.Pool   // of *chunk[Req, Resp]
	unsent  sync.Pool   // of *Call[Resp] whose request was refused
	spare   atomic.Bool // unsent has one, perhaps
}

// New returns a dispatcher that sends to its target, to: a server, or a queue of your
// own. A nil target is an error; otherwise the error names the field of opts that is
// wrong.
//
// Type arguments can be left out where to is a *server.Server:
//
//	d, err := dispatcher.New(srv, dispatcher.Options{})
func New[Req, Resp any](to queue.Pusher[Envelope[Req, Resp]], opts Options) (*Dispatcher[Req, Resp], error) {
	if arg.IsNil(to) {
		return nil, errors.New("dispatcher: nil target")
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if opts.Lane > 0 {
		var err error
		if to, err = lane(to, opts.Lane); err != nil {
			return nil, fmt.Errorf("dispatcher: Options.Lane: %w", err)
		}
	}
	d := &Dispatcher[Req, Resp]{to: to, opts: opts}
	if opts.Limiter != nil {
		d.limiter = opts.Limiter
	} else if opts.RateLimit > 0 {
		d.rate = limit.New(opts.RateLimit, burstOf(opts.RateLimit, opts.Burst), nil)
		d.limiter = d.rate
	}
	d.timed, _ = to.(queue.TimedPusher[Envelope[Req, Resp]])
	d.inline, _ = to.(Inline[Req, Resp])
	if c, ok := to.(Closing); ok {
		d.closing = c.Closing()
	}
	if st, ok := to.(Stamped); ok && st.WantsEnqueued() {
		d.opts.Timing = true
	}
	if opts.MaxInFlight > 0 {
		d.permits = make(chan struct{}, opts.MaxInFlight)
	}
	d.limited = d.limiter != nil || d.permits != nil
	if !d.limited && opts.Timeout == 0 {
		d.inlineAll, _ = to.(InlineAll[Req, Resp])
	}
	d.dated = d.opts.Timeout > 0 && (d.opts.Limiter != nil || d.timed == nil)
	d.pending.New = func() any { return &pending[Resp]{slot: reply.New[Resp]()} }
	d.timers.New = func() any { return new(park.Timer) }
	d.batches.New = func() any { return new(batch[Resp]) }
	d.chunks.New = func() any { return new(chunk[Req, Resp]) }
	return d, nil
}

// pending is a request that waits for its reply: the slot, and the timer of
// Options.Timeout. One goroutine has it at a time.
type pending[Resp any] struct {
	slot    *reply.Slot[Resp]
	timer   park.Timer
	timeout time.Duration
	ticked  bool // the tick of the timer was received

	deadline time.Time // the end of the Timeout; zero: unknown
}

// clock returns the channel that ends every wait of the request; nil without a
// Timeout. The timer starts with the first wait: until then the request did
// not wait, so next to no time has passed, and a request that never waits pays
// for no timer.
func (p *pending[Resp]) clock() <-chan time.Time {
	if p.timeout <= 0 {
		return nil
	}
	return p.timer.Start(p.timeout)
}

func (d *Dispatcher[Req, Resp]) get() *pending[Resp] {
	p := d.pending.Get().(*pending[Resp])
	p.timeout, p.deadline = d.opts.Timeout, time.Time{}
	if d.dated {
		p.deadline = time.Now().Add(p.timeout)
	}
	return p
}

// due makes sure that p has a deadline, and returns it. It is called when the
// request begins, or at its first wait. There is none without a Timeout.
func (p *pending[Resp]) due() time.Time {
	if p.timeout > 0 && p.deadline.IsZero() {
		p.deadline = time.Now().Add(p.timeout)
	}
	return p.deadline
}

// ended returns why a request that is through the limits is not sent: what has ended
// while it waited.
func (p *pending[Resp]) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.over() {
		return ErrTimeout
	}
	return nil
}

// over reports whether p has a deadline that has passed. It does not rely on the tick:
// what was waited for may have come first, and the goroutine run again long after.
func (p *pending[Resp]) over() bool {
	return !p.deadline.IsZero() && !time.Now().Before(p.deadline)
}

func (d *Dispatcher[Req, Resp]) put(p *pending[Resp]) {
	p.timer.Stop(p.ticked)
	p.ticked = false
	d.pending.Put(p)
}

// push queues a message as Overflow says. A request has a slot, which was armed,
// and p; a command has neither.
//
// The envelope is made where it is handed on, so that its words stay in registers.
// Filled in memory and then copied, its words would be read sooner than the
// processor can put them together: 5 ns of a command.
func (d *Dispatcher[Req, Resp]) push(ctx context.Context, msg Req, slot *reply.Slot[Resp], gen uint64, p *pending[Resp]) error {
	at := d.stamp()
	err := d.to.TryPush(Envelope[Req, Resp]{ctx: ctx, msg: msg, slot: slot, gen: gen, at: at})
	if err == nil {
		return nil
	}
	return d.overflow(ctx, Envelope[Req, Resp]{ctx: ctx, msg: msg, slot: slot, gen: gen, at: at}, p, err)
}

// overflow is push after a TryPush of e that failed with err.
func (d *Dispatcher[Req, Resp]) overflow(ctx context.Context, e Envelope[Req, Resp], p *pending[Resp], err error) error {
	if err = accepted(err); d.opts.Overflow == Reject || !errors.Is(err, ErrQueueFull) {
		return err
	}
	switch {
	case p == nil || p.timeout == 0:
		return accepted(d.to.Push(ctx, e))
	case d.timed != nil:
		if err = accepted(d.timed.PushTimed(ctx, e, p.clock())); err == context.DeadlineExceeded && ctx.Err() != err {
			p.ticked = true
			return ErrTimeout
		}
		return err
	}
	// A Pusher of the user's own that knows contexts only. What it takes is
	// taken from the time for the reply.
	p.clock()
	limited, cancel := context.WithDeadline(ctx, p.deadline)
	defer cancel()
	if err = accepted(d.to.Push(limited, e)); err != nil && ctx.Err() == nil && limited.Err() != nil {
		return ErrTimeout
	}
	return err
}

// stamp is Envelope.at of a message that is ready now.
func (d *Dispatcher[Req, Resp]) stamp() time.Duration {
	if d.opts.Timing {
		return time.Since(epoch)
	}
	return 0
}
