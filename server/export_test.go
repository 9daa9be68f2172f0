package server

import (
	"context"

	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/internal/spin"
)

// Idle reports whether nobody has the role of s.
func Idle[Req, Resp any](s *Server[Req, Resp]) bool { return s.owning != nil && !s.owning.role.Owned() }

// Started reports whether s is past Start.
func Started[Req, Resp any](s *Server[Req, Resp]) bool { return s.stage.Load() >= stageServing }

// KeysInUse returns how many keys s remembers, and how many messages wait in the
// backlog or for their key.
func KeysInUse[Req, Resp any](s *Server[Req, Resp]) (keys, waiting int) {
	k := s.keys
	if k == nil {
		return 0, 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, j := range k.heads {
		for ; j != nil; j = j.chain {
			keys++
		}
	}
	return keys, k.backlogged
}

// Places returns how many of the places of Options.Adaptive offloaded messages have.
func Places[Req, Resp any](s *Server[Req, Resp]) int64 {
	if s.parallel == nil {
		return 0
	}
	return s.parallel.taken.Load()
}

// WhileCounting has the next Stats of s that takes the role call f before it
// counts.
func WhileCounting[Req, Resp any](s *Server[Req, Resp], f func()) {
	s.owning.role = &counting{roleOf: s.owning.role, f: f}
}

type roleOf interface {
	Alone() bool
	TryOwn() bool
	Owned() bool
	Release() ring.Status
}

type counting struct {
	roleOf
	f func()
}

func (c *counting) TryOwn() bool {
	ok := c.roleOf.TryOwn()
	if f := c.f; ok && f != nil {
		c.f = nil
		f()
	}
	return ok
}

// Exhausted reports whether a server pauses, as at the end of the queue, when it has
// handled n commands that it popped at once, where it would have popped size.
func Exhausted(size, n int) bool {
	h := hand[int, int]{size: size, next: n, n: n}
	return h.empty()
}

// OwnedAfterWait reports whether a caller that waits for the role under ctx, which
// panics, keeps it.
func OwnedAfterWait(ctx context.Context) bool {
	r := ring.New[int](2, 0)
	o := owning{role: r}
	o.pace.brief.Store(true)
	func() {
		defer func() { _ = recover() }()
		o.awaitRole(ctx, 1)
	}()
	return r.Owned()
}

// PausesOf returns in how many of 1000 chances the server's goroutine pauses for more
// commands, if there are some after each pause, or never.
func PausesOf(come bool) (pauses int) {
	q := comes(0)
	if come {
		q = 1
	}
	f := flow{queue: q, capacity: 1024}
	for range 1000 {
		f.n = spin.Flowing
		if f.ended() {
			pauses++
		}
	}
	return pauses
}

type comes int

func (c comes) waiting() int { return int(c) }
