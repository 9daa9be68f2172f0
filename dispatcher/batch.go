package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

// batchSize is how many messages RequestAll and SendAll have under way at once.
const batchSize = 64

// batch is what RequestAll has under way; recycled.
type batch[Resp any] struct {
	pending [batchSize]*pending[Resp]
	index   [batchSize]int // pending[i] is the request with this index
	n       int
}

// Result is the outcome of one request of RequestAll.
type Result[Resp any] struct {
	Value Resp
	Err   error
}

// RequestAll sends all of reqs, up to 64 of them under way at once, and waits for
// the replies: out[i] is the outcome of reqs[i], as Request would have returned it,
// and every out[i] is set when RequestAll returns. Options.Timeout is for each
// request, and runs from the call of RequestAll. Replies are collected in order,
// and a request keeps its place in flight until its own is.
//
// It returns nil if every request was accepted and answered, even if handlers
// returned errors: those are in out. Otherwise it returns the first error in out
// that is a refusal, ErrTimeout, ErrClosed or ctx's, even if a handler returned it.
// After ctx or the Timeout has ended, or the server was closed, the rest of reqs is
// not sent. If out is shorter than reqs, that is an error, nothing is sent and out
// is not changed; if it is longer, the elements beyond len(reqs) are not changed.
func (d *Dispatcher[Req, Resp]) RequestAll(ctx context.Context, reqs []Req, out []Result[Resp]) error {
	arg.Context(ctx, "dispatcher")
	if len(out) < len(reqs) {
		return fmt.Errorf("dispatcher: RequestAll: %d results for %d requests", len(out), len(reqs))
	}
	// The clock of the whole call: the timer of this one runs through.
	p := d.get()
	defer d.put(p)
	p.due()
	p.clock()
	b := d.batches.Get().(*batch[Resp])
	defer d.batches.Put(b)

	all := requestAll[Req, Resp]{d: d, ctx: ctx, done: ctx.Done(), p: p, b: b, out: out, unanswered: len(reqs)}
	// A handler that runs on this goroutine may end it with Goexit; what is
	// under way must not be left behind.
	defer all.collect()
	clear(out[:len(reqs)])
	for i := 0; i < len(reqs); {
		if b.n == batchSize {
			all.collect()
		}
		if b.n == 0 && d.inlineAll != nil {
			n := min(batchSize, len(reqs)-i)
			ran := all.run(reqs[i:i+n], out[i:i+n])
			if i += ran; ran == n {
				continue
			}
		}
		all.send(i, reqs[i])
		i++
	}
	all.collect()
	return all.first(len(reqs))
}

type requestAll[Req, Resp any] struct {
	d    *Dispatcher[Req, Resp]
	ctx  context.Context
	done <-chan struct{} // ctx's
	p    *pending[Resp]
	b    *batch[Resp]
	out  []Result[Resp]
	over error // why nothing more is sent; never an answer, which may be that another server is closed

	unanswered int // the first request that got no answer
}

// run runs a prefix of reqs on this goroutine and returns its length.
func (a *requestAll[Req, Resp]) run(reqs []Req, out []Result[Resp]) int {
	if a.ended() != nil {
		return 0
	}
	return a.d.inlineAll.TryInlineAll(a.ctx, reqs, out)
}

// send runs request i or puts it under way; if neither, its result says why.
func (a *requestAll[Req, Resp]) send(i int, req Req) {
	d := a.d
	err := a.ended()
	queued := false
	if err == nil && d.limited {
		if err = a.admit(); err == nil {
			defer func() {
				if !queued { // also if a handler, or a hook, has called Goexit
					d.release()
				}
			}()
			err = a.ended() // while the request waited
		}
	}
	if err != nil {
		a.failed(i, err)
		return
	}
	// Behind one that is queued the server is not idle, and to try would be to
	// wait.
	if d.inline != nil && d.inlineAll == nil && a.b.n == 0 && a.inline(i, req) {
		return
	}
	q := d.pending.Get().(*pending[Resp])
	q.timeout = 0 // the clock is a.p's
	if err := d.push(a.ctx, req, q.slot, q.slot.Arm(), a.p); err != nil {
		q.slot.Disarm()
		d.put(q)
		a.failed(i, err)
		return
	}
	queued = true
	d.counters.Add(cQueued, 1)
	a.b.pending[a.b.n], a.b.index[a.b.n] = q, i
	a.b.n++
}

// admit is the dispatcher's, but it does not wait for a place that this very call
// takes: another request may have come first to the last one that was free.
func (a *requestAll[Req, Resp]) admit() error {
	d := a.d
	if err := d.passRate(a.ctx, a.p); err != nil || d.permits == nil {
		return err
	}
	if a.b.n > 0 {
		if d.tryAcquire() {
			return nil
		}
		a.collect()
		if err := a.ended(); err != nil {
			return err
		}
	}
	return d.acquire(a.ctx, a.p)
}

// ended returns why nothing more is to be sent.
func (a *requestAll[Req, Resp]) ended() error {
	switch {
	case a.over != nil:
		return a.over
	case a.ctx.Err() != nil:
		return a.ctx.Err()
	case a.expired():
		return ErrTimeout
	}
	return nil
}

// expired reports whether the time of the whole call is over. The tick of the timer
// alone does not tell: a wait may take that although an answer ends it, and those that
// follow would be without a clock.
func (a *requestAll[Req, Resp]) expired() bool { return a.p.ticked || a.p.over() }

func (a *requestAll[Req, Resp]) inline(i int, req Req) (ran bool) {
	value, err, ran := a.d.inline.TryInline(a.ctx, req)
	if ran {
		a.out[i] = Result[Resp]{value, err}
	}
	return ran
}

// failed is the outcome of a request that got no answer. Refusals concern one
// request; other reasons, all that follow.
func (a *requestAll[Req, Resp]) failed(i int, err error) {
	a.out[i].Err = a.d.refused(err)
	a.unanswered = min(a.unanswered, i)
	if a.over == nil && !is(err, ErrOverloaded) {
		a.over = err
	}
}

// first returns the first error of n results that tells of more than its request: why
// that got no answer, or an answer that is a refusal, since the server answers so what
// it did not handle.
func (a *requestAll[Req, Resp]) first(n int) error {
	for i := range a.out[:n] {
		if err := a.out[i].Err; err != nil && (i == a.unanswered || a.isRefusal(err)) {
			return err
		}
	}
	return nil
}

// isRefusal reports whether a handler's error may be no handler's.
func (a *requestAll[Req, Resp]) isRefusal(err error) (is bool) {
	defer func() { _ = recover() }() // as in is; and errors may be of a type that cannot be compared
	return errors.Is(err, ErrOverloaded) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrClosed) || err == a.ctx.Err() || isOf(a.ctx, err)
}

// collect waits for the replies of all that is under way. It calls nothing of the
// user's that could leave it in the middle.
func (a *requestAll[Req, Resp]) collect() {
	b, d := a.b, a.d
	for k := 0; k < b.n; k++ {
		q, r := b.pending[k], &a.out[b.index[k]]
		b.pending[k] = nil
		reason := park.Woken
		switch {
		case q.slot.Done():
		case !a.expired():
			if reason = q.slot.Wait(a.done, a.p.clock()); reason == park.Expired {
				a.p.ticked = true
			}
		case q.slot.Abandon(): // no time is left, not even to wait
			reason = park.Expired
		}
		d.counters.Add(cAnswered, 1)
		switch reason {
		case park.Woken:
			if r.Value, r.Err = q.slot.Take(); r.Err != nil && isOf(a.ctx, r.Err) {
				d.counters.Add(cCancelled, 1)
			}
		case park.Done:
			a.failed(b.index[k], arg.Ended(a.ctx))
		case park.Expired:
			a.failed(b.index[k], ErrTimeout)
		}
		d.put(q)
		d.release()
	}
	b.n = 0
}
