// Package reply is the slot through which a handler's answer reaches the one
// goroutine that waits for it. Slots are recycled; a late answer must not
// reach the next user.
//
// # States
//
// One word holds a generation, the phase and a bit that says that the caller
// is parked:
//
//	                 Arm                 Resolve: CAS                 Resolve: Swap
//	free(g) ───────────────▶ waiting(g) ────────────▶ writing(g) ───────────────▶ done(g)
//	   ▲                         │                    the resolver                   │
//	   │                         │                    owns value and err             │
//	   │ the caller: CAS (g+1)   │                                                   │
//	   ├─────────────────────────┘                                                   │
//	   │ Take (g+1): the caller owns value and err                                   │
//	   └─────────────────────────────────────────────────────────────────────────────┘
//
//	parked may be set in waiting(g) and writing(g), by the caller
//
// The caller is the goroutine that armed the slot. Resolvers are all who hold
// the generation that Arm returned: the owner of the ring, a worker, a user who
// replies twice or an hour late.
//
//   - Cancel against complete: both are a CAS out of waiting(g), so one wins. If
//     the caller won, the generation is over, every resolver fails from now on,
//     and the caller recycles the slot. If Resolve won, the caller waits for done
//     (the resolver is between two statements) and takes the answer.
//   - The caller recycles the slot, always. A resolver touches it last with the
//     Swap to done, or, if the caller was parked, with the token that the caller
//     waits for before it goes on.
//   - A late resolver compares a whole word, generation included. 61 bits of
//     generation do not come round.
//   - value and err are plain fields. The resolver owns them from its CAS to its
//     Swap, the caller from the load that showed done (or the token) to Take.
//
// The promise is that of Erlang's process aliases (OTP 24): a reply that comes
// too late is dropped, not delivered to the next call.
package reply

import (
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

const (
	free uint64 = iota
	waiting
	writing
	done

	phase  uint64 = 3
	parked uint64 = 4
	gen    uint64 = 8 // one generation
)

// Slot carries one answer at a time. Use New.
type Slot[R any] struct {
	word  atomic.Uint64
	token park.Token
	value R
	err   error
	hook  Hook // when set, is told of the answer
}

// Hook is told of an answer, by whoever gave it: once before anybody can see it,
// and once when it is there.
type Hook interface {
	Resolving()
	Resolved()
}

// New returns a free slot whose caller waits with Wait.
func New[R any]() *Slot[R] { return &Slot[R]{token: park.NewToken()} }

// Hook makes a zero Slot one that is armed once, keeps its answer and tells h of
// it. Its users call Done and Peek, not Wait, Abandon and Take.
func (s *Slot[R]) Hook(h Hook) { s.hook = h }

// Arm starts a generation and returns its name, which resolvers must give. The
// slot is free and the caller's.
func (s *Slot[R]) Arm() uint64 {
	g := s.word.Load()
	s.word.Store(g | waiting)
	return g
}

// Generation returns what Arm returned last, unless that generation is over.
func (s *Slot[R]) Generation() uint64 { return s.word.Load() &^ (gen - 1) }

// Disarm ends a generation whose name was never given away.
func (s *Slot[R]) Disarm() { s.word.Store(s.word.Load()&^(gen-1) + gen) }

// Live reports whether generation g still waits for its answer.
func (s *Slot[R]) Live(g uint64) bool { return s.word.Load()&^parked == g|waiting }

// Resolve answers generation g. The first answer wins and returns true; one
// that comes second or late changes nothing. It never blocks.
func (s *Slot[R]) Resolve(g uint64, v R, err error) bool {
	for {
		w := s.word.Load()
		if w&^parked != g|waiting {
			return false
		}
		if s.word.CompareAndSwap(w, w-waiting+writing) {
			break
		}
		// The caller parked or gave up in between; it does each once.
	}
	s.value, s.err = v, err
	hook := s.hook
	if hook != nil {
		hook.Resolving()
	}
	if s.word.Swap(g|done)&parked != 0 {
		s.token.Give()
	} else if hook != nil {
		hook.Resolved()
	}
	return true
}

// Wait parks until the answer is there (Woken) or one of the channels ends the
// wait, as in park.Token.TakeOr. After Woken the caller must Take. Otherwise the
// generation is over: the slot is free, and no answer will come.
func (s *Slot[R]) Wait(ctxDone <-chan struct{}, expired <-chan time.Time) park.Reason {
	w := s.word.Load()
	for w&phase != done {
		if s.word.CompareAndSwap(w, w|parked) {
			reason := s.token.TakeOr(ctxDone, nil, expired)
			g := w &^ (gen - 1)
			if reason != park.Woken && !s.word.CompareAndSwap(g|waiting|parked, g+gen) {
				s.token.Take() // the answer won and is about to be there
				reason = park.Woken
			}
			return reason
		}
		w = s.word.Load() // it went on to writing or done
	}
	return park.Woken
}

// Abandon is Wait without waiting: it ends the generation (true), unless an
// answer is there or on its way; then the caller must Take.
func (s *Slot[R]) Abandon() bool {
	w := s.word.Load()
	if w&phase == waiting && s.word.CompareAndSwap(w, w&^(gen-1)+gen) {
		return true
	}
	s.Wait(nil, nil)
	return false
}

// Take returns the answer and frees the slot.
func (s *Slot[R]) Take() (R, error) {
	v, err := s.value, s.err
	var zero R
	s.value, s.err = zero, nil
	s.Disarm()
	return v, err
}

// Done reports whether the answer is there.
func (s *Slot[R]) Done() bool { return s.word.Load()&phase == done }

// Peek returns the answer of a slot that is Done and leaves it there.
func (s *Slot[R]) Peek() (R, error) { return s.value, s.err }
