package server

import (
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// tally makes the counts that owners keep in the ring's Note readable by
// others. An owner counts in plain fields, which costs next to nothing, and
// publishes now and then; who wants to know takes the role, if it is to be
// had, and reads them as they are.
type tally struct {
	inline, requests, commands atomic.Uint64
}

// publishEvery is how many queued messages share one publication.
const publishEvery = 64

func (t *tally) publish(n *ring.Note) {
	t.inline.Store(n.Inline)
	t.requests.Store(n.Requests)
	t.commands.Store(n.Commands)
}

// count counts one message that the owner is about to handle.
func (r *roleEngine[Req, Resp]) count(request bool) {
	n := &r.ring.Note
	if request {
		n.Requests++
	} else {
		n.Commands++
	}
	if (n.Requests+n.Commands)%publishEvery == 0 {
		r.tally.publish(n)
	}
}

// counts returns what owners have counted: exactly if the ring is idle or the
// server has ended, otherwise as of the last publication.
func (r *roleEngine[Req, Resp]) counts() (inline, requests, commands uint64) {
	n := &r.ring.Note
	if r.ring.TryOwn() {
		defer r.leave()
		return n.Inline, n.Requests, n.Commands
	}
	select {
	case <-r.server.done:
		return n.Inline, n.Requests, n.Commands
	default:
		return r.tally.inline.Load(), r.tally.requests.Load(), r.tally.commands.Load()
	}
}
