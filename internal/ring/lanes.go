package ring

import (
	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/pad"
)

// # Lanes: several rings, one role
//
// Each lane is a ring of its own, lane 0 the most urgent, and one owner consumes
// all of them. The role cannot be in a tail: a release on one lane's tail does
// not see a push on another one, so that it would lose the wake-up, and a push
// that finds its own lane idle would make a second owner. It is in a word of its
// own, beside the number of pushes so far:
//
//	word = pushes | closed | owned
//
//	push:    CAS the lane's tail      claims a cell, or is refused
//	         Store its seq            publishes the message
//	         CAS word+step | owned    counts it; who finds the word not owned has the role
//
//	release: Load word
//	         Load all tails           all lanes must be empty
//	         CAS word &^ owned        fails if somebody has counted or closed since
//
// Why no message is left behind: one that was counted when the release read the
// word had been published before that, so the look at the tails would have found
// it if the owner had not popped it. One that was counted since makes the CAS
// fail. So after a release every counted message has been popped, and handled.
// What was published and not counted by then will be counted by its pusher, who
// finds the word not owned and has the role, or finds another owner, who has not
// released. So not owned means, as for one ring, that the message of each push
// that has returned was handled; a request that takes the role then comes after
// whatever its sender sent before. The order of the two looks matters: between a
// look at the tails and a later one at the word, a push may be counted.
//
// The count is a version: it only grows, nothing is ever subtracted, and it is not
// compared with what was popped. An owner may pop a message that is published and
// not counted yet, and release before its pusher counts it; then the pusher has
// the role and nothing to do, which is a wake-up in vain and no harm. To wait for
// the pusher instead would be to wait for a goroutine that may be preempted. And
// if it were the number alone that lets an owner go, without the look at the
// tails, such a message would make up for another one, counted and not popped.
//
// Why one owner sees what the one before wrote: as for one ring, the CAS that
// releases and the next one that takes the role are on one word.
//
// # Closing
//
// Close sets the bit in the word, and then closes each ring. A push looks at the
// bit before anything else, so once a push was refused, no push that starts later
// is accepted, on any lane. One that looked before the bit was set may still be
// accepted while its ring is open; so the owner's end is not the bit alone, but
// every ring closed and drained.
type Lanes[T any] struct {
	_    pad.Line
	word atomic.Uint64

	// Note is for the role's owner alone, as that of Ring.
	Note Note

	// By the owners of all times.
	_      pad.Line
	passed int // messages of all lanes but the last since the guard's turn
	turn   int // of the lanes below the first, counted from 0, the guard's latest
	_      pad.Line

	lanes []*Ring[T]
}

// Guard is the guard against starvation. The owner takes from the most urgent
// lane that has a message; but after Guard messages, it takes one from a lane
// below the first, each of those that wait in turn. So of Guard+1 messages one is
// the guard's, and a lane that has something waits for at most Guard+1 times the
// number of lanes below the first.
const Guard = 32

// NewLanes returns n open lanes, empty, of the given capacity each, and nobody
// owns them. Capacity and start are those of New.
func NewLanes[T any](n, capacity int, start uint64) *Lanes[T] {
	l := &Lanes[T]{lanes: make([]*Ring[T], n)}
	for i := range l.lanes {
		l.lanes[i] = New[T](capacity, start)
	}
	l.word.Store(start * step)
	return l
}

// Push queues *v on a lane: OK, Owner, Full or Closed. With Owner the caller has
// the role and something to handle.
func (l *Lanes[T]) Push(lane int, v *T) Status {
	if l.word.Load()&closed != 0 {
		return Closed
	}
	if s := l.lanes[lane].push(v, 0); s != OK {
		return s
	}
	return l.count(1)
}

// PushBatch queues as long a prefix of vs as there is room for, as that of Ring.
// Owner comes before Full and OK: compare the length.
func (l *Lanes[T]) PushBatch(lane int, vs []T) (int, Status) {
	if l.word.Load()&closed != 0 {
		return 0, Closed
	}
	n, s := l.lanes[lane].pushBatch(vs, 0)
	if n > 0 && l.count(n) == Owner {
		s = Owner
	}
	return n, s
}

// count adds n published messages to the word: OK or Owner. It may be closed by
// now, which concerns those who come.
func (l *Lanes[T]) count(n int) Status {
	for {
		t := l.word.Load()
		// A lost race means that another push, or a release, has gone through.
		if l.word.CompareAndSwap(t, (t+uint64(n)*step)|owned) {
			if t&owned == 0 {
				return Owner
			}
			return OK
		}
	}
}

// PopInto takes the oldest value of the most urgent lane that has one, or of the
// lane whose turn it is, writes it to *v and returns the lane. ok is false if no
// lane has a value that could be taken now: Release says more. Only the owner may
// call it.
func (l *Lanes[T]) PopInto(v *T) (lane int, ok bool) {
	last := len(l.lanes) - 1
	if l.passed >= Guard {
		l.passed = 0
		for k := 1; k <= last; k++ {
			turn := (l.turn + k) % last
			if l.lanes[1+turn].PopInto(v) == OK {
				l.turn = turn
				return 1 + turn, true
			}
		}
	}
	for i, r := range l.lanes {
		if r.PopInto(v) == OK {
			if i < last {
				l.passed++
			}
			return i, true
		}
	}
	return 0, false
}

// PopFull is that of Ring, on one lane.
func (l *Lanes[T]) PopFull(lane int) (v T, ok bool) { return l.lanes[lane].PopFull() }

// TryOwn takes the role if all lanes are idle and open. One attempt, as Ring's.
func (l *Lanes[T]) TryOwn() bool {
	t := l.word.Load()
	return t&flags == 0 && l.word.CompareAndSwap(t, t|owned)
}

// Owned reports whether somebody has the role.
func (l *Lanes[T]) Owned() bool { return l.word.Load()&owned != 0 }

// Alone is that of Ring.
func (l *Lanes[T]) Alone() bool {
	for _, r := range l.lanes {
		if r.tail.Load() != r.head.Load() {
			return false
		}
	}
	return l.word.Load()&closed == 0
}

// Release gives the role up. OK: the caller has it no more. Busy: something was
// pushed that the owner has not popped, or somebody is in the middle of a push or
// of Close; it still has the role. Closed: all lanes are closed and drained, and
// the role stays with the caller for good. Only the owner may call it.
func (l *Lanes[T]) Release() Status {
	t := l.word.Load()
	open := false
	for _, r := range l.lanes {
		tail := r.tail.Load()
		if tail&^flags != r.head.Load() {
			return Busy
		}
		open = open || tail&closed == 0
	}
	switch {
	case t&closed == 0:
		if l.word.CompareAndSwap(t, t&^owned) {
			return OK
		}
		return Busy
	case open:
		return Busy
	}
	return Closed
}

// Close refuses all further pushes and TryOwns, once and for all. If the lanes
// were idle it answers Owner: the caller has the role. If they were owned, OK, and
// the owner will see it in Release; Closed if somebody else has closed them, or is
// about to.
func (l *Lanes[T]) Close() Status {
	t := l.word.Load()
	for ; ; t = l.word.Load() {
		if t&closed != 0 {
			return Closed
		}
		if l.word.CompareAndSwap(t, t|closed|owned) {
			break
		}
	}
	for _, r := range l.lanes {
		r.Close()
	}
	if t&owned == 0 {
		return Owner
	}
	return OK
}

// HasRoom reports whether a push on the lane now would not answer Full.
func (l *Lanes[T]) HasRoom(lane int) bool { return l.lanes[lane].HasRoom() }

// Cap returns the capacity of each lane.
func (l *Lanes[T]) Cap() int { return l.lanes[0].Cap() }

// Popped returns Ring's Popped of one lane.
func (l *Lanes[T]) Popped(lane int) uint64 { return l.lanes[lane].Popped() }

// Progress returns Ring's Progress of one lane. It is closed a moment after Close
// began.
func (l *Lanes[T]) Progress(lane int) (popped uint64, queued int, isClosed bool) {
	return l.lanes[lane].Progress()
}
