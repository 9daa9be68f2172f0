//go:build !modelcheck

package park

import (
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// count scales a stress test down for the race detector.
func count(n int) int {
	if testx.Race {
		return n / 10
	}
	return n
}

// A lost wake-up is a goroutine that sleeps forever beside what it waits for:
// these tests hang then, and Join says where.

// buffer is a bounded buffer that counts: both sides sleep, at gates that share
// their waiters.
type buffer struct {
	n            atomic.Uint64
	cap          uint64
	items, space Gate
}

func newBuffer(capacity uint64, pool *sync.Pool) *buffer {
	return &buffer{cap: capacity, items: Gate{Pool: pool}, space: Gate{Pool: pool}}
}

func (b *buffer) hasRoom() bool  { return b.n.Load() < b.cap }
func (b *buffer) hasItems() bool { return b.n.Load() > 0 }

func (b *buffer) tryPut() bool {
	for {
		n := b.n.Load()
		if n == b.cap {
			return false
		}
		if b.n.CompareAndSwap(n, n+1) {
			b.items.Wake()
			return true
		}
	}
}

func (b *buffer) tryTake() bool {
	for {
		n := b.n.Load()
		if n == 0 {
			return false
		}
		if b.n.CompareAndSwap(n, n-1) {
			b.space.Wake()
			return true
		}
	}
}

func (b *buffer) put(expired <-chan time.Time) bool {
	return b.tryPut() || b.space.Until(b.tryPut, b.hasRoom, nil, nil, expired) == Woken
}

func (b *buffer) take(expired <-chan time.Time) bool {
	return b.tryTake() || b.items.Until(b.tryTake, b.hasItems, nil, nil, expired) == Woken
}

func TestNoLostWakeUp(t *testing.T) {
	for _, pooled := range []bool{false, true} {
		for _, capacity := range []uint64{1, 2, 16} {
			for _, workers := range []int{1, 4, 32} {
				t.Run(fmt.Sprintf("pooled=%t/cap=%d/%d", pooled, capacity, workers), func(t *testing.T) {
					var pool *sync.Pool
					if pooled {
						pool = new(sync.Pool)
					}
					b := newBuffer(capacity, pool)
					each := count(10_000) / workers
					put := testx.Times(workers, func(int) {
						for i := 0; i < each; i++ {
							b.put(nil)
						}
					})
					take := testx.Times(workers, func(int) {
						for i := 0; i < each; i++ {
							b.take(nil)
						}
					})
					testx.Join(t, append(put, take...)...)
					require.Zero(t, b.n.Load())
					atRest(t, &b.items)
					atRest(t, &b.space)
				})
			}
		}
	}
}

// Half of the goroutines give up at any moment, also at that of their wake-up,
// and try again. The others have no way out but a wake-up.
func TestNoLostWakeUpWithCancel(t *testing.T) {
	for _, capacity := range []uint64{1, 4} {
		t.Run(fmt.Sprintf("cap=%d", capacity), func(t *testing.T) {
			b := newBuffer(capacity, new(sync.Pool))
			each := count(5_000)
			work := func(do func(<-chan time.Time) bool) []func() {
				return testx.Times(8, func(who int) {
					rnd := rand.New(rand.NewSource(int64(who)))
					var timer Timer
					for i := 0; i < each; i++ {
						for done := who%2 == 0 && do(nil); !done; {
							done = do(timer.Start(time.Duration(rnd.Intn(20)) * time.Microsecond))
							timer.Stop(false) // whether it fired or not: that is allowed
						}
					}
				})
			}
			testx.Join(t, append(work(b.put), work(b.take)...)...)
			require.Zero(t, b.n.Load())
			atRest(t, &b.items)
			atRest(t, &b.space)
		})
	}
}

// The first of two sleepers gives up while it is being woken for the only item.
// If it leaves the item, the other one must get it.
func TestCancelPassesTheBaton(t *testing.T) {
	passed := 0
	for round := 0; round < count(1_000); round++ {
		q := &items{}
		e := ends{done: make(chan struct{})}
		first, second := q.park(t, e), q.park(t, ends{})
		if round%2 == 0 {
			close(e.done) // it is runnable, and still listed: the baton finds it
			q.put(1)
		} else {
			testx.AtOnce(t, func() { close(e.done) }, func() { q.put(1) })
		}
		if testx.Recv(t, first) == Woken {
			require.Empty(t, second)
			q.put(1)
		} else {
			passed++
		}
		require.Equal(t, Woken, testx.Recv(t, second))
		require.Zero(t, q.n.Load())
		atRest(t, &q.gate)
	}
	require.NotZero(t, passed, "no round took the path that this test is about")
}

// A waiter goes back to the pool with no token in it, however its wait ended: a
// stale one would wake the next user in vain, or block its waker.
func TestWaitersAreClean(t *testing.T) {
	var pool sync.Pool
	q := &items{gate: Gate{Pool: &pool}}
	stop := make(chan struct{})
	put := func() {
		for i := 0; i < count(20_000); i++ {
			q.put(1)
			if i%8 == 0 {
				runtime.Gosched()
			}
		}
		close(stop)
	}
	take := func(int) {
		done := make(chan struct{})
		close(done)
		for {
			select {
			case <-stop:
				return
			default:
				if q.take(ends{done: done}) != Woken { // ends at once if there is nothing
					runtime.Gosched()
				}
			}
		}
	}
	testx.Join(t, append(testx.Times(4, take), put)...)
	for w, _ := pool.Get().(*waiter); w != nil; w, _ = pool.Get().(*waiter) {
		require.Empty(t, w.token.ch)
		require.False(t, w.listed)
		require.Nil(t, w.next)
		require.Nil(t, w.prev)
	}
	atRest(t, &q.gate)
}
