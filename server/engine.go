package server

import (
	"context"
	"sync"

	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/internal/spin"
)

// What roleEngine and laneEngine share. Their hot paths stand in each: an
// interface between them and their rings, or a type parameter, which is one for
// the compiler, would cost a request more than the rest of its way.

// engine is what is asked of either off the hot paths; there it is called as what
// it is.
type engine interface {
	close()       // refuses pushes
	serve()       // is the server's goroutine's, and returns at the end
	leave()       // gives the role up, or on, after a caller's request
	handOn()      // gives the role to the server's goroutine
	waiting() int // how many are in the queue

	// look is for the watch and for Shutdown: it tells whether a message was begun
	// since (begun), and how many wait behind it, those included that were popped
	// with it. Of these it may count up to a handful too many, but none if there is
	// none.
	look() (begun uint64, waiting int)
}

// owning is what owners of the role know of their work, and when callers may be
// owners.
type owning struct {
	pace  pace
	mode  CallerRuns
	tally tally
	kind  kind // of the queued message that the owner is handling
	begun begun

	// The ring's, or that of the lanes, for what is off the hot paths.
	role interface {
		TryOwn() bool
		Alone() bool
		Owned() bool
		Release() ring.Status
	}
	note *ring.Note

	counting sync.Mutex // of Stats, which would take the role from each other
}

// mayRun reports whether requests run on their callers at the moment.
func (o *owning) mayRun() bool {
	switch o.mode {
	case CallerRunsAuto:
		return o.pace.fast.Load()
	case CallerRunsAlways:
		return true
	}
	return false
}

// awaitRole waits for the role for a moment, awake, after TryOwn has failed:
// some microseconds for each of so many looks. It is for handlers whose calls are much
// shorter than that: they make room at once, while to be queued behind one
// costs two switches of goroutines, and to fight over the role with the other
// core costs each call the moves of its cache lines. The long pauses let the
// other core run many calls in a row; see BENCHMARKS.md for what they buy.
func (o *owning) awaitRole(ctx context.Context, looks int) bool {
	if !o.pace.brief.Load() {
		return false
	}
	for ; looks > 0; looks-- {
		spin.Pause()
		if ctx.Err() != nil { // asked without the role: it may panic
			return false
		}
		if o.role.TryOwn() {
			return true
		}
	}
	return false
}

// counts returns what owners have counted: exactly if the role is nobody's or
// the server has ended, otherwise as of the last publication. No count goes back.
// One call at a time: a second one would find the role taken, and not know that it is
// only another Stats that has it.
func (o *owning) counts(e engine, done <-chan struct{}) (inline, requests, commands uint64) {
	t := &o.tally
	o.counting.Lock()
	defer o.counting.Unlock()
	if o.role.TryOwn() {
		t.publishAll(o.note)
		if o.role.Release() != ring.OK {
			e.handOn() // not leave, which may help: nobody asked for that here
		}
	} else {
		select {
		case <-done: // nobody will own it any more
			t.publishAll(o.note)
		default:
		}
	}
	p := &t.published
	return p.inline.Load(), p.requests.Load(), p.commands.Load()
}
