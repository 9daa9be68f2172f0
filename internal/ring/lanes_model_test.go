//go:build modelcheck && go1.23

package ring

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/model"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

// laned is two lanes with the role and the token on which it goes to the server.
type laned struct {
	*log
	lanes   *Lanes[int]
	wake    park.Token
	drop    bool // pushers make room in a full lane
	refused bool // a push was, as closed
}

func newLaned() *laned {
	return &laned{log: newLog(), lanes: NewLanes[int](2, 2, 0), wake: park.NewToken()}
}

// send sends v on a lane. What starts after a refusal must not be accepted.
func (s *laned) send(lane int, vs ...int) {
	for _, v := range vs {
		late := s.refused
		for i := 0; ; i++ {
			st := s.lanes.Push(lane, &v)
			if st == Full {
				if old, ok := s.evict(lane); ok {
					s.evicted = append(s.evicted, old)
				} else {
					atomic.Relax(i)
				}
				continue
			}
			s.refused = s.refused || st == Closed
			if st == Closed {
				break
			}
			s.accepted[v] = true
			if late {
				s.errs = append(s.errs, fmt.Sprintf("%d was accepted after a refusal", v))
			}
			if st == Owner {
				s.wake.Give()
			}
			break
		}
	}
}

func (s *laned) evict(lane int) (v int, ok bool) {
	if s.drop {
		return s.lanes.PopFull(lane)
	}
	return 0, false
}

// inline is a caller that handles its own message if all lanes are idle, and
// queues it otherwise.
func (s *laned) inline(lane, v int) {
	before := maps.Clone(s.accepted)
	if !s.lanes.TryOwn() {
		s.send(lane, v)
		return
	}
	// What was accepted was handled, whoever sent it, or is in the hands of who
	// makes room.
	for w := range before {
		if !slices.Contains(s.handled, w) && !s.drop {
			s.errs = append(s.errs, fmt.Sprintf("%d is not handled, and %d has the role", w, v))
		}
	}
	s.accepted[v] = true
	s.handle(v)
	if s.lanes.Release() != OK {
		s.wake.Give()
	}
}

func (s *laned) serve() {
	for {
		s.wake.Take()
		for idle := 0; ; idle++ {
			var v int
			if _, ok := s.lanes.PopInto(&v); ok {
				s.handle(v)
				continue
			}
			switch s.lanes.Release() {
			case OK:
			case Closed:
				return
			default:
				atomic.Relax(idle)
				continue
			}
			break
		}
	}
}

func (s *laned) end() {
	if s.lanes.Close() == Owner {
		s.wake.Give()
	}
}

var lanePrograms = []struct {
	name    string
	threads func(s *laned) []func()
}{
	{"two pushers on two lanes and close", func(s *laned) []func() {
		return []func(){func() { s.send(0, 11) }, func() { s.send(1, 21) }, s.serve, s.end}
	}},
	{"pushers that go on and close", func(s *laned) []func() {
		return []func(){func() { s.send(0, 11, 12) }, func() { s.send(1, 21, 22) }, s.serve, s.end}
	}},
	{"full lane and close", func(s *laned) []func() {
		return []func(){func() { s.send(1, 11, 12, 13) }, s.serve, s.end}
	}},
	{"pusher, caller and close", func(s *laned) []func() {
		return []func(){func() { s.send(0, 11) }, func() { s.send(1, 21); s.inline(1, 22) }, s.serve, s.end}
	}},
	{"two pushers, an owner from the start, a caller that closes", func(s *laned) []func() {
		s.lanes.TryOwn()
		s.wake.Give()
		return []func(){func() { s.send(0, 11) }, func() { s.send(1, 21) }, s.serve, func() { s.inline(0, 31); s.end() }}
	}},
	{"a sender that tries all lanes, and close", func(s *laned) []func() {
		return []func(){func() { s.send(0, 11); s.send(1, 12) }, s.serve, s.end}
	}},
	{"a sender that makes room, a caller and close", func(s *laned) []func() {
		s.drop = true
		return []func(){func() { s.send(1, 11, 12, 13) }, func() { s.inline(0, 21) }, s.serve, s.end}
	}},
	{"two callers and close", func(s *laned) []func() {
		return []func(){func() { s.inline(0, 11); s.inline(0, 12) }, func() { s.inline(1, 21) }, s.serve, s.end}
	}},
}

func TestModelLanes(t *testing.T) {
	for _, tt := range lanePrograms {
		t.Run(tt.name, func(t *testing.T) {
			model.Check(t, func() ([]func(), func() error) {
				s := newLaned()
				return tt.threads(s), s.check
			})
		})
	}
}
