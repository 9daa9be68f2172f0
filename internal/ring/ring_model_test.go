//go:build modelcheck && go1.23

package ring

import (
	"fmt"
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/model"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

// log is what happened to messages. Its methods are not scheduling points.
type log struct {
	accepted map[int]bool
	handled  []int
	evicted  []int
	inside   bool
	errs     []string
}

func newLog() *log { return &log{accepted: map[int]bool{}} }

// handle is a handler call: two calls at once are an error.
func (l *log) handle(v int) {
	if l.inside {
		l.errs = append(l.errs, fmt.Sprintf("handler call for %d overlaps another", v))
	}
	l.inside = true
	model.Point()
	l.inside = false
	l.handled = append(l.handled, v)
}

// check: every accepted message was handled once, in the order of its sender
// (v/10), or evicted, and nothing else was.
func (l *log) check() error {
	last := map[int]int{}
	seen := map[int]bool{}
	for _, v := range l.handled {
		if seen[v] || !l.accepted[v] {
			l.errs = append(l.errs, fmt.Sprintf("%d was handled twice, or never accepted", v))
		}
		seen[v] = true
		if v < last[v/10] {
			l.errs = append(l.errs, fmt.Sprintf("%d came after %d", v, last[v/10]))
		}
		last[v/10] = v
	}
	for _, v := range l.evicted {
		if seen[v] || !l.accepted[v] {
			l.errs = append(l.errs, fmt.Sprintf("%d was evicted, and it was handled too, or never accepted", v))
		}
		seen[v] = true
	}
	if len(seen) != len(l.accepted) {
		l.errs = append(l.errs, fmt.Sprintf("accepted %v, handled %v", l.accepted, l.handled))
	}
	if len(l.errs) > 0 {
		return fmt.Errorf("%v", l.errs)
	}
	return nil
}

// served is a ring with the role and the token on which it goes to the server.
type served struct {
	*log
	ring *Ring[int]
	wake park.Token
}

func newServed(capacity int) *served {
	return &served{newLog(), New[int](capacity, 0), park.NewToken()}
}

// push waits by yielding where the server's pushers sleep at a gate.
func (s *served) push(vs ...int) {
	for _, v := range vs {
		for i := 0; ; i++ {
			switch s.ring.PushOwned(&v) {
			case Owner:
				s.accepted[v] = true
				s.wake.Give()
			case OK:
				s.accepted[v] = true
			case Full:
				atomic.Relax(i)
				continue
			}
			break
		}
	}
}

// evicting makes room where push waits.
func (s *served) evicting(vs ...int) {
	for _, v := range vs {
		for i := 0; ; i++ {
			switch s.ring.PushOwned(&v) {
			case Owner:
				s.accepted[v] = true
				s.wake.Give()
			case OK:
				s.accepted[v] = true
			case Full:
				if old, ok := s.ring.PopFull(); ok {
					s.evicted = append(s.evicted, old)
				} else {
					atomic.Relax(i)
				}
				continue
			}
			break
		}
	}
}

// inline is a caller that handles its own message if the ring is idle, and
// queues it otherwise.
func (s *served) inline(v int) {
	if !s.ring.TryOwn() {
		s.push(v)
		return
	}
	s.accepted[v] = true
	s.handle(v)
	if s.ring.Release() != OK {
		s.wake.Give()
	}
}

func (s *served) serve() {
	for {
		s.wake.Take()
		for idle := 0; ; idle++ {
			v, st := s.ring.TryPop()
			if st == OK {
				s.handle(v)
				continue
			}
			if st == Empty {
				st = s.ring.Release()
			}
			if st == OK {
				break
			}
			if st == Closed {
				return
			}
			atomic.Relax(idle)
		}
	}
}

func (s *served) close() {
	if s.ring.Close() == Owner {
		s.wake.Give()
	}
}

func TestModelRole(t *testing.T) {
	for _, tt := range []struct {
		name    string
		threads func(s *served) []func()
	}{
		{"two pushers and close", func(s *served) []func() {
			return []func(){func() { s.push(11) }, func() { s.push(21) }, s.serve, s.close}
		}},
		{"pusher, caller and close", func(s *served) []func() {
			return []func(){func() { s.push(11, 12) }, func() { s.inline(21) }, s.serve, s.close}
		}},
		{"two pushers that evict and close", func(s *served) []func() {
			return []func(){func() { s.evicting(11, 12) }, func() { s.evicting(21) }, s.serve, s.close}
		}},
		{"two callers and close", func(s *served) []func() {
			return []func(){func() { s.inline(11); s.inline(12) }, func() { s.inline(21) }, s.serve, s.close}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			model.Check(t, func() ([]func(), func() error) {
				s := newServed(2)
				return tt.threads(s), s.check
			})
		})
	}
}

func TestModelQueue(t *testing.T) {
	push := func(r *Ring[int], l *log, vs ...int) func() {
		return func() {
			for _, v := range vs {
				for i := 0; ; i++ {
					s := r.TryPush(v)
					if s == OK {
						l.accepted[v] = true
					}
					if s != Full {
						break
					}
					atomic.Relax(i)
				}
			}
		}
	}
	pop := func(r *Ring[int], l *log, batch int) func() {
		return func() {
			dst := make([]int, batch)
			for i := 0; ; i++ {
				n, s := 0, OK
				if batch > 1 {
					n, s = r.PopBatch(dst)
				} else if dst[0], s = r.TryPop(); s == OK {
					n = 1
				}
				l.handled = append(l.handled, dst[:n]...)
				if s == Closed {
					return
				}
				if n == 0 {
					atomic.Relax(i)
				}
			}
		}
	}
	for _, tt := range []struct {
		name    string
		threads func(r *Ring[int], l *log) []func()
	}{
		{"two producers, one consumer", func(r *Ring[int], l *log) []func() {
			return []func(){push(r, l, 11, 12), push(r, l, 21), pop(r, l, 1), func() { r.Close() }}
		}},
		{"one producer, consumer of batches", func(r *Ring[int], l *log) []func() {
			return []func(){push(r, l, 11, 12, 13), pop(r, l, 2), func() { r.Close() }}
		}},
		{"batches on both sides", func(r *Ring[int], l *log) []func() {
			return []func(){func() {
				vs := []int{11, 12, 13}
				for len(vs) > 0 {
					n, s := r.PushBatch(vs)
					for _, v := range vs[:n] {
						l.accepted[v] = true
					}
					if vs = vs[n:]; s == Closed {
						return
					}
					atomic.Relax(n)
				}
			}, push(r, l, 21), pop(r, l, 2), func() { r.Close() }}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			model.Check(t, func() ([]func(), func() error) {
				l := newLog()
				return tt.threads(New[int](2, 0), l), l.check
			})
		})
	}
}

// Full and Empty must be true at some moment: with room for all, no push may say
// Full, and a pop after one's own push may not say Empty.
func TestModelStrict(t *testing.T) {
	model.Check(t, func() ([]func(), func() error) {
		r := New[int](2, 0)
		var errs []string
		popped := map[int]bool{}
		pair := func(v int) func() {
			return func() {
				if s := r.TryPush(v); s != OK {
					errs = append(errs, fmt.Sprintf("push said %d with room for all", s))
				}
				for i := 0; ; i++ {
					v, s := r.TryPop()
					if s == OK {
						popped[v] = true
						return
					}
					if s == Empty {
						errs = append(errs, "pop said empty though every thread pushes before it pops")
						return
					}
					atomic.Relax(i)
				}
			}
		}
		return []func(){pair(1), pair(2)}, func() error {
			if len(errs) > 0 || !popped[1] || !popped[2] {
				return fmt.Errorf("%v, popped %v", errs, popped)
			}
			return nil
		}
	})
}
