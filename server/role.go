package server

import (
	"context"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// helpTime bounds how long a caller handles the messages of others.
const helpTime = 20 * time.Microsecond

// roleEngine runs the handler under the role of a ring (internal/ring/role.go).
// The role is in one of these hands:
//
//	nobody's        the ring is idle: open and empty
//	a caller's      in tryInline, until leave
//	a pusher's      between its push and the Give of the token below
//	the token's     given and not yet taken: on its way to the server's goroutine
//	the server's    from Take to the Release that succeeds
//
// Before Run the token has it, so that messages wait and no caller runs.
type roleEngine[Req, Resp any] struct {
	server *Server[Req, Resp]
	ring   *ring.Ring[dispatcher.Envelope[Req, Resp]]
	wake   park.Token // the role, on its way to the server's goroutine
	space  park.Gate  // pushers, while the ring is full
	spares sync.Pool  // of space
	pace   pace
	mode   CallerRuns
}

func newRole[Req, Resp any](s *Server[Req, Resp], capacity int) *roleEngine[Req, Resp] {
	r := &roleEngine[Req, Resp]{
		server: s,
		ring:   ring.New[dispatcher.Envelope[Req, Resp]](capacity, 0),
		wake:   park.NewToken(),
		mode:   s.opts.CallerRuns,
	}
	r.space.Pool = &r.spares
	r.ring.TryOwn()
	r.wake.Give()
	return r
}

func (r *roleEngine[Req, Resp]) tryPush(e *dispatcher.Envelope[Req, Resp]) error {
	switch r.ring.PushOwned(e) {
	case ring.Owner:
		r.wake.Give()
		return nil
	case ring.OK:
		r.server.watch.behind()
		return nil
	case ring.Full:
		return queue.ErrFull
	}
	return ErrServerClosed
}

func (r *roleEngine[Req, Resp]) pushTimed(ctx context.Context, e *dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	if err := r.tryPush(e); err != queue.ErrFull {
		return err
	}
	var err error
	try := func() bool {
		err = r.tryPush(e)
		return err != queue.ErrFull
	}
	if reason := r.space.Until(try, r.ring.HasRoom, ctx.Done(), nil, expired); reason != park.Woken {
		return reason.Err(ctx)
	}
	return err
}

func (r *roleEngine[Req, Resp]) pushBatch(ctx context.Context, es []dispatcher.Envelope[Req, Resp]) (int, error) {
	for done := 0; done < len(es); {
		n, s := r.ring.PushBatchOwned(es[done:])
		done += n
		switch {
		case s == ring.Owner:
			r.wake.Give()
		case s == ring.Closed:
			return done, ErrServerClosed
		case n > 0:
			r.server.watch.behind()
		default:
			if err := r.pushTimed(ctx, &es[done], nil); err != nil {
				return done, err
			}
			done++
		}
	}
	return len(es), nil
}

// close refuses pushes. If the ring was idle, the role goes to the server's
// goroutine, so that it sees the end.
func (r *roleEngine[Req, Resp]) close() {
	if r.ring.Close() == ring.Owner {
		r.wake.Give()
	}
	r.space.Wake()
}

// mayRun reports whether requests run on their callers at the moment.
func (r *roleEngine[Req, Resp]) mayRun() bool {
	switch r.mode {
	case CallerRunsAuto:
		return r.pace.isFast()
	case CallerRunsAlways:
		return true
	}
	return false
}

// tryInline runs req on this goroutine if the ring is idle.
func (r *roleEngine[Req, Resp]) tryInline(ctx context.Context, req Req) (resp Resp, err error, ran bool) {
	if !r.ring.TryOwn() {
		return resp, nil, false
	}
	s := r.server
	returned := false
	defer func() {
		if !returned {
			// If it was Offload that panicked, the request is queued, and has
			// its outcome there.
			if v := recover(); ran {
				err = s.unwound(v)
			}
		}
		r.leave()
	}()
	if s.offload != nil && s.offload(req) {
		returned = true
		return resp, nil, false
	}
	ran = true
	s.counters.Add(cInline, 1)
	// The same lines stand in call. As one function they cost this path, the one
	// that is there to be fast, 9 % (10 interleaved rounds, p = 0.02).
	if r.pace.due() {
		start := time.Now()
		resp, err = s.handler.HandleRequest(ctx, req)
		r.pace.note(time.Since(start))
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
			r.server.handle(&e, true)
			// A clock read costs as much as a fast request; commands are not
			// sampled, and may be slow.
			if (n%8 == 0 || !e.IsRequest() || !r.pace.isFast()) && time.Since(start) > helpTime {
				return
			}
			continue
		case ring.Empty:
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

// serve drains the ring whenever the role comes to the server's goroutine, and
// returns when the ring is closed and drained.
func (r *roleEngine[Req, Resp]) serve() {
	for {
		r.wake.Take()
		if r.drain() {
			return
		}
	}
}

// drain handles messages until it could give the role up (false) or the ring
// is closed and drained (true).
func (r *roleEngine[Req, Resp]) drain() bool {
	idle := 0
	var e dispatcher.Envelope[Req, Resp]
	for {
		s := r.ring.PopInto(&e)
		if s == ring.OK {
			idle = 0
			r.space.Wake()
			r.server.handle(&e, true)
			continue
		}
		if s == ring.Empty {
			s = r.ring.Release()
		}
		switch s {
		case ring.OK:
			return false
		case ring.Closed:
			return true
		}
		// Busy: a pusher is between its claim and its hand-over.
		atomic.Relax(idle)
		idle++
	}
}

func (r *roleEngine[Req, Resp]) stats() queue.Stats {
	popped, n, closed := r.ring.Progress()
	return queue.Stats{Pushed: popped + uint64(n), Popped: popped, Len: n, Cap: r.ring.Cap(), Closed: closed}
}
