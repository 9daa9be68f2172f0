package server

import (
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/internal/pad"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// tally counts what owners of the role handle. An owner counts in plain fields,
// which costs next to nothing, and publishes now and then; who wants to know
// takes the role, if it is to be had, and reads them as they are.
//
// What ran on its caller is counted in the ring's Note.
type tally struct {
	_        pad.Line
	requests uint64 // from the queue
	commands uint64
	skip     int // queued requests until the next that is timed
	_        pad.Line

	published struct{ inline, requests, commands atomic.Uint64 }
}

// publishEvery is how many queued messages share one publication.
const publishEvery = 64

// count counts one queued message that the owner is about to handle.
func (t *tally) count(request bool) {
	if request {
		t.requests++
	} else {
		t.commands++
	}
	if (t.requests+t.commands)%publishEvery == 0 {
		t.publish()
	}
}

func (t *tally) publish() {
	t.published.requests.Store(t.requests)
	t.published.commands.Store(t.commands)
}

func (t *tally) publishAll(n *ring.Note) {
	t.publish()
	t.published.inline.Store(n.Count)
}

// due reports whether to time this queued request.
func (t *tally) due() bool {
	t.skip--
	return t.skip < 0
}

// dueInline reports whether to time this request, which runs on its caller. Then it
// publishes how many did.
func (t *tally) dueInline(n *ring.Note) bool {
	if n.Skip--; n.Skip >= 0 {
		return false
	}
	t.published.inline.Store(n.Count)
	return true
}
