//go:build modelcheck && go1.23

package reply

import (
	"fmt"
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/model"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/ring"
)

// caller uses one slot for several requests in turn and gives each up when
// done is closed, or takes the answer.
type caller struct {
	slot *Slot[int]
	errs []string
}

// request sends one request, and reports the answer, or -1 if it gave up.
func (c *caller) request(id int, send func(gen uint64), done <-chan struct{}) {
	gen := c.slot.Arm()
	send(gen)
	if c.slot.Wait(done, nil) != park.Woken {
		return
	}
	if v, _ := c.slot.Take(); v != id {
		c.errs = append(c.errs, fmt.Sprintf("request %d got the answer of %d", id, v))
	}
}

func (c *caller) check() error {
	if len(c.errs) > 0 {
		return fmt.Errorf("%v", c.errs)
	}
	return nil
}

// Two workers answer the first request and one the second, so that there is
// always a second or late answer; the first request is given up at any moment;
// the slot is reused.
func TestModelSlot(t *testing.T) {
	model.Check(t, func() ([]func(), func() error) {
		c := &caller{slot: New[int]()}
		var gens [3]atomic.Uint64 // of request i, plus 1
		done := make(chan struct{})
		wins := [3]int{}
		worker := func(ids ...int) func() {
			return func() {
				for _, id := range ids {
					for gens[id].Load() == 0 {
						atomic.Relax(0)
					}
					if c.slot.Resolve(gens[id].Load()-1, id, nil) {
						wins[id]++
					}
				}
			}
		}
		send := func(id int) func(uint64) { return func(g uint64) { gens[id].Store(g + 1) } }
		return []func(){
				func() {
					c.request(1, send(1), done)
					c.request(2, send(2), nil)
				},
				worker(1, 2), worker(1),
				func() { model.Point(); close(done) },
			}, func() error {
				if wins[1] > 1 || wins[2] != 1 {
					c.errs = append(c.errs, fmt.Sprintf("answers that won: %v", wins))
				}
				return c.check()
			}
	})
}

func TestModelAbandon(t *testing.T) {
	model.Check(t, func() ([]func(), func() error) {
		slot := New[int]()
		gen := slot.Arm()
		won, abandoned, got := false, false, 0
		return []func(){
				func() { won = slot.Resolve(gen, 7, nil) },
				func() {
					if abandoned = slot.Abandon(); !abandoned {
						got, _ = slot.Take()
					}
				},
			}, func() error {
				if won == abandoned || won && got != 7 || slot.Live(gen) {
					return fmt.Errorf("won %v, abandoned %v, got %d", won, abandoned, got)
				}
				return nil
			}
	})
}

// Release, hand-over, cancel and close at the same moment: one caller has the
// role and handles its own request, a second one queues its request behind it,
// and the role goes to the server's thread. Meanwhile the second caller gives
// up, and reuses its slot; or the ring is closed. It is the server's protocol
// over the real ring, token and slot.
func TestModelHandOver(t *testing.T) {
	t.Run("cancel", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			s := newServed()
			done := make(chan struct{})
			return []func(){
				s.inline,
				func() {
					s.request(1, s.push(1), done)
					s.request(2, s.push(2), nil)
					s.close()
				},
				s.serve,
				func() { model.Point(); close(done) },
			}, s.check
		})
	})
	t.Run("close", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			s := newServed()
			return []func(){
				s.inline,
				func() { s.request(1, s.push(1), nil) },
				s.serve,
				s.close,
			}, s.check
		})
	})
}

// message is what the ring carries in TestModelHandOver.
type message struct {
	id   int
	slot *Slot[int]
	gen  uint64
}

// served is a server's ring, the token on which its role travels, and a caller.
type served struct {
	caller
	ring   *ring.Ring[message]
	wake   park.Token
	inside bool
}

func newServed() *served {
	return &served{caller: caller{slot: New[int]()}, ring: ring.New[message](2, 0), wake: park.NewToken()}
}

func (s *served) handle() {
	if s.inside {
		s.errs = append(s.errs, "handler calls overlap")
	}
	s.inside = true
	model.Point()
	s.inside = false
}

// inline runs a request on its caller, if the ring is idle.
func (s *served) inline() {
	if s.ring.TryOwn() {
		s.handle()
		if s.ring.Release() != ring.OK {
			s.wake.Give()
		}
	}
}

func (s *served) push(id int) func(gen uint64) {
	return func(gen uint64) {
		switch s.ring.PushOwned(&message{id, s.slot, gen}) {
		case ring.Owner:
			s.wake.Give()
		case ring.Closed:
			s.slot.Resolve(gen, id, nil) // as a refusal would
		case ring.Full:
			panic("full")
		}
	}
}

func (s *served) close() {
	if s.ring.Close() == ring.Owner {
		s.wake.Give()
	}
}

func (s *served) serve() {
	for {
		s.wake.Take()
		for i := 0; ; i++ {
			m, st := s.ring.TryPop()
			if st == ring.OK {
				if m.slot.Live(m.gen) {
					s.handle()
					m.slot.Resolve(m.gen, m.id, nil)
				}
				continue
			}
			if st == ring.Empty {
				st = s.ring.Release()
			}
			if st == ring.Closed {
				return
			}
			if st == ring.OK {
				break
			}
			atomic.Relax(i)
		}
	}
}
