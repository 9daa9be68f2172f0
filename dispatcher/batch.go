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

// batch is what RequestAll and SendAll work with; recycled.
type batch[Req, Resp any] struct {
	envelopes [batchSize]Envelope[Req, Resp]
	pending   [batchSize]*pending[Resp]
	index     [batchSize]int // pending[i] is the request with this index
	n         int            // requests under way
}

// Result is the outcome of one request of RequestAll.
type Result[Resp any] struct {
	Value Resp
	Err   error
}

// RequestAll sends all of reqs, up to 64 under way at once, and waits for their
// replies: out[i] is the outcome of reqs[i], as Request would have returned it,
// and every out[i] is set when RequestAll returns. A Timeout runs from the call
// of RequestAll, for each request.
//
// It returns nil if every request was accepted and answered, though handlers
// may have failed: look at out. Otherwise it returns the first error that was
// not a handler's, which stands in out too; after ctx has ended or the server
// was closed, the rest of reqs is not sent. If out is shorter than reqs,
// nothing is sent.
func (d *Dispatcher[Req, Resp]) RequestAll(ctx context.Context, reqs []Req, out []Result[Resp]) error {
	arg.Context(ctx, "dispatcher")
	if len(out) < len(reqs) {
		return fmt.Errorf("dispatcher: RequestAll: %d results for %d requests", len(out), len(reqs))
	}
	// The clock of the whole call: the timer of this one runs through.
	p := d.get()
	defer d.put(p)
	b := d.batches.Get().(*batch[Req, Resp])
	defer d.batches.Put(b)

	all := requestAll[Req, Resp]{d: d, ctx: ctx, p: p, b: b, out: out}
	// A handler that runs on this goroutine may end it with Goexit; what is
	// under way must not be left behind.
	defer all.collect()
	for i := range reqs {
		var zero Result[Resp]
		out[i] = zero
		if b.n == batchSize {
			all.collect()
		}
		all.send(i, reqs[i])
	}
	all.collect()
	return all.first
}

type requestAll[Req, Resp any] struct {
	d     *Dispatcher[Req, Resp]
	ctx   context.Context
	p     *pending[Resp]
	b     *batch[Req, Resp]
	out   []Result[Resp]
	first error // the first that is not a handler's
	over  error // nothing more is sent because of it
}

// send runs request i or puts it under way; if neither, its result says why.
func (a *requestAll[Req, Resp]) send(i int, req Req) {
	d := a.d
	if d.permits != nil && a.b.n > 0 && len(d.permits) == cap(d.permits) {
		a.collect() // do not wait for a place that this very call takes
	}
	err := a.over // looked at after collect, which may have found the end
	if err == nil {
		err = a.ctx.Err()
	}
	if err == nil && d.limited {
		if err = d.admit(a.ctx, a.p); err == nil {
			if err = a.ctx.Err(); err != nil { // it ended while the request waited
				d.release()
			}
		}
	}
	if err != nil {
		a.failed(i, err)
		return
	}
	// Behind one that is queued the server is not idle, and to try would be to
	// wait.
	if d.inline != nil && a.b.n == 0 && a.inline(i, req) {
		return
	}
	q := d.pending.Get().(*pending[Resp])
	q.timeout = 0 // the clock is a.p's
	if err := d.push(a.ctx, req, q.slot, q.slot.Arm(), a.p); err != nil {
		q.slot.Disarm()
		d.put(q)
		d.release()
		a.failed(i, err)
		return
	}
	d.counters.Add(cQueued, 1)
	a.b.pending[a.b.n], a.b.index[a.b.n] = q, i
	a.b.n++
}

func (a *requestAll[Req, Resp]) inline(i int, req Req) (ran bool) {
	done := false
	defer func() {
		if ran || !done { // !done: the handler called Goexit
			a.d.release()
		}
	}()
	a.out[i].Value, a.out[i].Err, ran = a.d.inline.TryInline(a.ctx, req)
	done = true
	return ran
}

func (a *requestAll[Req, Resp]) failed(i int, err error) {
	a.out[i].Err = a.d.refused(err)
	a.note(err)
}

// note remembers an error that is not a handler's. Refusals concern one
// request; others, all that follow.
func (a *requestAll[Req, Resp]) note(err error) {
	if a.first == nil {
		a.first = err
	}
	if a.over == nil && !errors.Is(err, ErrOverloaded) {
		a.over = err
	}
}

// collect waits for the replies of all that is under way.
func (a *requestAll[Req, Resp]) collect() {
	b, d := a.b, a.d
	for k := 0; k < b.n; k++ {
		q, r := b.pending[k], &a.out[b.index[k]]
		b.pending[k] = nil
		reason := park.Woken
		switch {
		case q.slot.Done():
		case !a.p.expired:
			reason = q.slot.Wait(a.ctx.Done(), a.p.clock())
		case q.slot.Abandon(): // no time is left, not even to wait
			reason = park.Expired
		}
		d.counters.Add(cAnswered, 1)
		switch reason {
		case park.Woken:
			r.Value, r.Err = q.slot.Take()
			// Not a handler's: the server answers so what it did not handle.
			if r.Err != nil && (errors.Is(r.Err, ErrClosed) || r.Err == a.ctx.Err()) {
				a.note(r.Err)
			}
		case park.Done:
			r.Err = d.refused(a.ctx.Err())
			a.note(r.Err)
		case park.Expired:
			a.p.expired = true
			r.Err = d.refused(ErrTimeout)
			a.note(r.Err)
		}
		d.put(q)
		d.release()
	}
	b.n = 0
}
