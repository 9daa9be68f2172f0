package server

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// The caller's side of the role: requests that run on the goroutines that send
// them.

const (
	// helpTime bounds how long a caller handles the messages of others.
	helpTime = 20 * time.Microsecond
	// roleLooks is how often a caller looks for the role of a busy server before
	// it is queued, each after a pause, and mostLooks with many requests.
	roleLooks = 4
	mostLooks = 16
)

// TryInline runs req on the caller's goroutine if Options.CallerRuns allows it
// and the server is idle, or is about to be; ran says whether it did. It is for
// dispatcher.Dispatcher, which falls back to the queue.
func (s *Server[Req, Resp]) TryInline(ctx context.Context, req Req) (resp Resp, err error, ran bool) {
	arg.Context(ctx, "server")
	r := s.role
	if r == nil {
		if s.lanes != nil {
			return s.lanes.tryInline(ctx, req)
		}
		return resp, nil, false
	}
	if !r.mayRun() || !r.ring.TryOwn() && !r.awaitRole(ctx, roleLooks) {
		return resp, nil, false
	}
	returned := false
	defer func() {
		if !returned {
			// If it was Offload, the request has its outcome here all the same: in
			// the queue, Offload would fail for it once more.
			err, ran = s.unwound(recover()), true
		}
		r.leave()
	}()
	if s.mustQueue != nil && s.mustQueue(req) {
		returned = true
		return resp, nil, false
	}
	ran = true
	note := &r.ring.Note
	note.Count++
	// The same lines stand in call, and where requests run in a row or on lanes. As one
	// function they cost this path, the one that is there to be fast, 9 % (10
	// interleaved rounds, p = 0.02).
	if r.tally.dueInline(note) {
		start := time.Now()
		resp, err = s.handler.HandleRequest(ctx, req)
		note.Skip = r.pace.note(time.Since(start))
	} else {
		resp, err = s.handler.HandleRequest(ctx, req)
	}
	returned = true
	if err != nil {
		s.counters.Add(cFailed, 1)
	}
	return resp, err, true
}

// TryInlineAll is TryInline for the requests of dispatcher.Dispatcher.RequestAll: with
// the role taken once it runs them one after the other, until somebody else has queued
// something, the server is closed, or a handler turns out to be slow.
func (s *Server[Req, Resp]) TryInlineAll(ctx context.Context, reqs []Req, out []dispatcher.Result[Resp]) (ran int) {
	arg.Context(ctx, "server")
	o := s.owning
	if o == nil || !o.mayRun() {
		return 0
	}
	// Who has the role runs many, too. And all of reqs would be queued.
	looks := min(max(roleLooks, len(reqs)/4), mostLooks)
	if !o.role.TryOwn() && !o.awaitRole(ctx, looks) {
		return 0
	}
	defer s.engine.leave()
	for more := true; more; {
		ran, more = s.inlineFrom(ctx, reqs, out, ran)
	}
	return ran
}

// inlineFrom runs the requests from i on, and returns how far it came. If it was ended
// by one that panicked, that has its outcome, and there may be more.
func (s *Server[Req, Resp]) inlineFrom(ctx context.Context, reqs []Req, out []dispatcher.Result[Resp], i int) (next int, more bool) {
	returned := false
	defer func() {
		if !returned {
			out[i].Err = s.unwound(recover()) // also if it was Offload, as in TryInline
			next, more = i+1, true
		}
	}()
	o, note := s.owning, s.owning.note
	for ; i < len(reqs); i++ {
		if i > 0 && !(o.role.Alone() && o.mayRun()) || ctx.Err() != nil || s.mustQueue != nil && s.mustQueue(reqs[i]) {
			break
		}
		note.Count++
		r := &out[i]
		if o.tally.dueInline(note) {
			start := time.Now()
			r.Value, r.Err = s.handler.HandleRequest(ctx, reqs[i])
			note.Skip = o.pace.note(time.Since(start))
		} else {
			r.Value, r.Err = s.handler.HandleRequest(ctx, reqs[i])
		}
		if r.Err != nil {
			s.counters.Add(cFailed, 1)
		}
	}
	returned = true
	return i, false
}

// leave gives the role up after the caller's own request. If others were
// queued meanwhile it goes to the server's goroutine, which holds nobody's lock
// and drains in batches; with CallerRunsAlways, after some help.
func (r *roleEngine[Req, Resp]) leave() {
	if r.ring.Release() == ring.OK {
		return
	}
	if r.mode == CallerRunsAlways {
		r.help()
		return
	}
	r.wake.Give()
}

// help handles others' messages for a while, then gives the role up or on.
func (r *roleEngine[Req, Resp]) help() {
	released := false
	defer func() {
		if !released { // also when a handler calls Goexit
			r.wake.Give()
		}
	}()
	start := time.Now()
	var e dispatcher.Envelope[Req, Resp]
	for n := 1; n <= r.server.opts.Batch; n++ {
		switch r.ring.PopInto(&e) {
		case ring.OK:
			r.space.Wake()
			r.begun.next()
			if r.server.dynamic {
				r.kind.begin(e.Message())
			}
			r.server.handle(&e, true)
			// A clock read costs as much as a fast request; commands are not
			// sampled, and may be slow.
			if (n%8 == 0 || !e.IsRequest() || !r.pace.fast.Load()) && time.Since(start) > helpTime {
				return
			}
			continue
		case ring.Empty:
			r.kind.end()
			if r.ring.Release() == ring.OK {
				released = true
				return
			}
		case ring.Closed:
			return
		}
		// Somebody is in the middle of a push. A caller has its own things
		// to do; a few looks, then the server's goroutine may wait for it.
	}
}
