package server

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// The caller's side of the role: requests that run on the goroutines that send
// them.

const (
	// helpTime bounds how long a caller handles the messages of others.
	helpTime = 20 * time.Microsecond
	// roleLooks is how often a caller looks for the role of a busy server before
	// it is queued, each after a pause.
	roleLooks = 4
)

// TryInline runs req on the caller's goroutine if Options.CallerRuns allows it
// and the server is idle, or is about to be; ran says whether it did. It is for
// dispatcher.Dispatcher, which falls back to the queue.
func (s *Server[Req, Resp]) TryInline(ctx context.Context, req Req) (resp Resp, err error, ran bool) {
	r := s.role
	if r == nil {
		if s.lanes != nil {
			return s.lanes.tryInline(ctx, req)
		}
		return resp, nil, false
	}
	if !r.mayRun() || !r.ring.TryOwn() && !r.awaitRole(ctx, s.engine) {
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
	if s.offload != nil && s.offload(req) {
		returned = true
		return resp, nil, false
	}
	ran = true
	note := &r.ring.Note
	note.Count++
	// The same lines stand in call. As one function they cost this path, the one
	// that is there to be fast, 9 % (10 interleaved rounds, p = 0.02).
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
