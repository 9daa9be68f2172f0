//go:build !modelcheck

package reply

import (
	"math/rand"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// count scales a stress test down for the race detector.
func count(n int) int {
	if testx.Race {
		return n / 10
	}
	return n
}

// question is what a caller sends along with its slot.
type question struct {
	id    int
	slot  *Slot[int]
	gen   uint64
	wins  atomic.Int32 // answers that were told they won
	taken bool         // the caller's own: it got its answer
}

func (q *question) answer() {
	if q.slot.Resolve(q.gen, q.id, nil) {
		q.wins.Add(1)
	}
}

// Cancel against complete, again and again on the same few slots. Each question
// is answered twice, some once more when the slot has long gone to others; and
// callers give up at any moment. Then: an answer that reached a caller is the
// one to its question, and exactly those answers won that were taken.
func TestStorm(t *testing.T) {
	const callers, resolvers = 4, 3
	perCaller := count(40_000) / callers
	questions := make(chan *question, 64)
	asked := make([][]*question, callers)
	var calling atomic.Int32
	calling.Store(callers)

	call := func(who int) {
		defer func() {
			if calling.Add(-1) == 0 {
				close(questions)
			}
		}()
		rnd := rand.New(rand.NewSource(int64(who)))
		slot := New[int]()
		var timer park.Timer
		for i := 0; i < perCaller; i++ {
			q := &question{id: i*callers + who, slot: slot, gen: slot.Arm()}
			asked[who] = append(asked[who], q)
			questions <- q
			questions <- q
			if q.taken = wait(slot, rnd, &timer); !q.taken {
				continue
			}
			if v, _ := slot.Take(); v != q.id {
				t.Errorf("the answer to %d reached the caller of %d", v, q.id)
			}
		}
	}
	resolve := func(who int) {
		rnd := rand.New(rand.NewSource(int64(who)))
		var old [16]*question
		for q := range questions {
			q.answer()
			k := rnd.Intn(len(old))
			if old[k] != nil {
				old[k].answer() // once more
			}
			old[k] = q
		}
	}
	testx.Join(t, append(testx.Times(callers, call), testx.Times(resolvers, resolve)...)...)

	taken := 0
	for _, qs := range asked {
		for _, q := range qs {
			if q.taken {
				taken++
			}
			if n := q.wins.Load(); n > 1 || (n == 1) != q.taken {
				t.Fatalf("question %d: %d answers won, taken: %t", q.id, n, q.taken)
			}
		}
	}
	t.Logf("%d of %d answers were taken", taken, callers*perCaller)
	require.NotZero(t, taken)
	require.Less(t, taken, callers*perCaller, "nobody gave up")
}

// wait waits in one of the ways that there are; true: the answer is there.
func wait(slot *Slot[int], rnd *rand.Rand, timer *park.Timer) bool {
	soon := rnd.Intn(4)
	switch rnd.Intn(4) {
	case 0: // give up at a random moment, by the timer
		reason := slot.Wait(nil, timer.Start(time.Duration(soon)*time.Microsecond))
		timer.Stop(reason == park.Expired)
		return reason == park.Woken
	case 1: // by the ctx
		done := make(chan struct{})
		go func() {
			for i := 0; i < soon; i++ {
				runtime.Gosched()
			}
			close(done)
		}()
		reason := slot.Wait(done, nil)
		<-done
		return reason == park.Woken
	case 2: // without having waited
		for i := 0; i < soon; i++ {
			runtime.Gosched()
		}
		return !slot.Abandon()
	}
	return slot.Wait(nil, nil) == park.Woken // however long it takes
}
