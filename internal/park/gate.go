// Package park puts goroutines to sleep until what they wait for may be there,
// without losing a wake-up and without making those who do not wait pay.
package park

import (
	"context"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/atomic"
)

// Reason says why a wait ended.
type Reason uint8

const (
	Woken   Reason = iota // the token came
	Done                  // the first channel was closed
	Also                  // the second channel was closed
	Expired               // the timer fired
)

// Err returns the error of a wait that Done, by ctx, or Expired has ended.
func (r Reason) Err(ctx context.Context) error {
	if r == Expired {
		return context.DeadlineExceeded
	}
	return arg.Ended(ctx)
}

// Gate is an eventcount: goroutines sleep at it until a condition that lives
// elsewhere (room in a ring, an item in it) may hold. It is for many sleepers
// and many wakers. The zero value is ready; it must not be copied.
//
// A sleeper calls Until. Who makes the condition true calls Wake afterwards.
//
// # At most one wake-up is under way
//
// A waiter that was woken holds the baton until it leaves or lists itself again. While
// the baton is out, Wake does nothing; its holder sees to the next waiter. So
// a consumer that frees a thousand cells does not wake a thousand producers
// that then fight over them, and freeing one cell still wakes somebody at
// once: between the two stands only the time that the scheduler takes to run
// the one that was woken.
//
// # Why no wake-up is lost
//
// armed is 1 exactly while somebody is listed and the baton is not out; it is
// written under the lock only.
//
//   - A waiter stores armed=1 (enter, again), then reads the condition. A waker
//     makes the condition true, then reads armed. Atomics are sequentially
//     consistent, so at least one of the two sees the other: the waiter does not
//     sleep, or the waker wakes.
//   - A waker that reads 0 because the baton is out made the condition true
//     before its holder stored armed in leave or again, and the holder reads the
//     condition after that store: it wakes the next one itself.
//
// This is the eventcount of Reed and Kanodia ("Synchronization with
// Eventcounts and Sequencers", CACM 1979) with a wake-up that is passed on.
type Gate struct {
	// Pool, when set, recycles waiters; gates may share one. It belongs to a
	// queue or a dispatcher and not to the package, so that programs under
	// testing/synctest can have two.
	Pool *sync.Pool

	armed atomic.Uint32

	// The rest is under the lock. (flying is where it takes no room: each call of
	// dispatcher.Go has a Gate.)
	flying      bool // the baton is out
	mu          Mutex
	first, last *waiter // in the order of arrival
}

// waiter is one goroutine's place at a Gate.
type waiter struct {
	token      Token
	next, prev *waiter
	listed     bool // under the gate's lock; false: this waiter holds the baton
}

// Until sleeps until try returns true (Woken), or until one of the channels
// ends the wait, as in Token.TakeOr. try is called once at first and then after
// each wake-up. more tells whether what another sleeper waits for may be there
// too: one wake-up may stand for many, and who had it passes it on.
func (g *Gate) Until(try, more func() bool, done, also <-chan struct{}, expired <-chan time.Time) Reason {
	reason := Woken
	w := g.enter()
	defer func() { // also if try calls a hook that ends this goroutine
		g.leave(w)
		if g.armed.Load() != 0 && more() {
			g.wake()
		}
	}()
	for !try() {
		reason = w.token.TakeOr(done, also, expired)
		if reason != Woken {
			break
		}
		g.again(w)
	}
	return reason
}

// enter lists the caller behind all that wait.
func (g *Gate) enter() *waiter {
	var w *waiter
	if g.Pool != nil {
		w, _ = g.Pool.Get().(*waiter)
	}
	if w == nil {
		w = &waiter{token: NewToken()}
	}
	g.mu.Lock()
	w.listed = true
	if w.prev = g.last; w.prev != nil {
		w.prev.next = w
	} else {
		g.first = w
	}
	g.last = w
	g.rearm()
	g.mu.Unlock()
	return w
}

// again lists w once more, after a wake-up, and before it looks whether that
// brought it anything. It goes before all that wait: it was there first. The
// baton is given back.
func (g *Gate) again(w *waiter) {
	g.mu.Lock()
	w.listed = true
	if w.next = g.first; w.next != nil {
		w.next.prev = w
	} else {
		g.last = w
	}
	g.first = w
	g.flying = false
	g.rearm()
	g.mu.Unlock()
}

// leave ends w's stay. If w was woken meanwhile it gives the baton back.
func (g *Gate) leave(w *waiter) {
	g.mu.Lock()
	woken := !w.listed
	if woken {
		g.flying = false
	} else {
		g.unlist(w)
	}
	g.rearm()
	g.mu.Unlock()
	if woken {
		w.token.Take() // it is there, or the waker is between two statements
	}
	if g.Pool != nil {
		g.Pool.Put(w)
	}
}

// Wake wakes the one that waits longest, unless a wake-up is under way. With
// nobody waiting it costs one load. It never sleeps.
func (g *Gate) Wake() {
	if g.armed.Load() != 0 {
		g.wake()
	}
}

func (g *Gate) wake() {
	g.mu.Lock()
	w := g.first
	if w == nil || g.flying {
		g.mu.Unlock()
		return
	}
	g.unlist(w)
	g.flying = true
	g.rearm()
	g.mu.Unlock()
	w.token.Give()
}

func (g *Gate) unlist(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		g.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		g.last = w.prev
	}
	w.next, w.prev = nil, nil
	w.listed = false
}

func (g *Gate) rearm() {
	var armed uint32
	if g.first != nil && !g.flying {
		armed = 1
	}
	g.armed.Store(armed)
}
