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

// roleEngine runs the handler under the role of a ring (internal/ring/role.go).
// The role is in one of these hands:
//
//	nobody's        the ring is idle: open and empty
//	a caller's      in TryInline or TryInlineAll, until leave
//	a reader's      in counts, which is for Stats, until its Release
//	a pusher's      between its push and the Give of the token below
//	the token's     given and not yet taken: on its way to the server's goroutine
//	the server's    from Take to the Release that succeeds
//
// Before Run the token has it, so that messages wait and no caller runs.
type roleEngine[Req, Resp any] struct {
	server *Server[Req, Resp]
	ring   *ring.Ring[dispatcher.Envelope[Req, Resp]]
	wake   park.Token // the role, on its way to the server's goroutine
	room
	spares sync.Pool // of room

	owning
	hand  hand[Req, Resp]
	flow  flow
	plain bool // commands need no clock and no supervisor
}

func newRole[Req, Resp any](s *Server[Req, Resp], capacity int) *roleEngine[Req, Resp] {
	r := &roleEngine[Req, Resp]{
		server: s,
		ring:   ring.New[dispatcher.Envelope[Req, Resp]](capacity, 0),
		wake:   park.NewToken(),
		plain:  s.clock == nil && s.supervised == nil,
	}
	r.owning = owning{mode: s.opts.CallerRuns, kind: newKind(), role: r.ring, note: &r.ring.Note}
	r.flow = flow{queue: r, capacity: r.ring.Cap()}
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
		if r.server.opts.DropOldest {
			return r.insert(e)
		}
		return queue.ErrFull
	}
	return ErrServerClosed
}

func (r *roleEngine[Req, Resp]) pushTimed(ctx context.Context, e *dispatcher.Envelope[Req, Resp], expired <-chan time.Time) error {
	push := func() error { return r.tryPush(e) }
	if err := push(); err != queue.ErrFull {
		return err
	}
	return r.await(ctx, expired, r.ring.Cap(), r.ring.Popped, r.ring.HasRoom, push)
}

func (r *roleEngine[Req, Resp]) pushBatch(ctx context.Context, es []dispatcher.Envelope[Req, Resp]) (int, error) {
	return r.server.pushAll(es, r.ring.PushBatchOwned, func(e *dispatcher.Envelope[Req, Resp]) error {
		return r.pushTimed(ctx, e, nil)
	})
}

// close refuses pushes. If the ring was idle, the role goes to the server's
// goroutine, so that it sees the end.
func (r *roleEngine[Req, Resp]) close() {
	if r.ring.Close() == ring.Owner {
		r.wake.Give()
	}
	r.space.Wake()
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
	idle, f := 0, &r.flow
	f.n = 0
	for {
		e, s := r.pop()
		if s == ring.OK {
			idle = 0
			switch {
			case e.IsRequest():
				f.n = 0
			case r.plain:
				f.after(r.commands(e), r.hand.empty())
				continue
			default:
				f.n++
			}
			if r.server.dynamic {
				r.kind.begin(e.Message())
			}
			r.server.handle(e, true)
			continue
		}
		if s == ring.Empty {
			if f.ended() {
				continue
			}
			r.kind.end()
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

func (r *roleEngine[Req, Resp]) handOn() { r.wake.Give() }

func (r *roleEngine[Req, Resp]) waiting() int { return r.ring.Len() }

func (r *roleEngine[Req, Resp]) look() (begun uint64, waiting int) {
	return r.begun.look(), r.waiting() + int(r.hand.behind.Load())
}

func (r *roleEngine[Req, Resp]) stats() queue.Stats {
	popped, n, closed := r.ring.Progress()
	return queue.Stats{Pushed: popped + uint64(n), Popped: popped, Len: n, Cap: r.ring.Cap(), Closed: closed}
}
