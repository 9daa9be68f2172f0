//go:build !modelcheck

package ring

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// item names a value after who pushed it, and as which of its values.
type item struct{ producer, seq int }

// ledger is what each consumer popped, in its order.
type ledger [][]item

// check: each producer's values 0 to perProducer-1 were popped once, and no
// consumer saw two of them in the wrong order.
func (l ledger) check(t *testing.T, producers, perProducer int) {
	t.Helper()
	seen := make([][]bool, producers)
	for p := range seen {
		seen[p] = make([]bool, perProducer)
	}
	total := 0
	for c, items := range l {
		last := make([]int, producers)
		for _, it := range items {
			if seen[it.producer][it.seq] {
				t.Fatalf("%v was popped twice", it)
			}
			if it.seq < last[it.producer] {
				t.Fatalf("consumer %d saw %v after %d", c, it, last[it.producer])
			}
			seen[it.producer][it.seq] = true
			last[it.producer] = it.seq
			total++
		}
	}
	require.Equal(t, producers*perProducer, total, "values were lost")
}

// count scales a stress test down for the race detector.
func count(n int) int {
	if testx.Race {
		return n / 10
	}
	return n
}

func TestConservation(t *testing.T) {
	for _, capacity := range []int{2, 8, 1024} {
		for _, shape := range [][2]int{{1, 1}, {1, 4}, {4, 1}, {4, 4}} {
			for _, batch := range []int{1, 5} {
				producers, consumers := shape[0], shape[1]
				name := fmt.Sprintf("cap=%d/%dP%dC/batch=%d", capacity, producers, consumers, batch)
				t.Run(name, func(t *testing.T) {
					conserve(t, capacity, producers, consumers, batch)
				})
			}
		}
	}
}

func conserve(t *testing.T, capacity, producers, consumers, batch int) {
	perProducer := count(40_000) / producers
	r := New[item](capacity, 1<<62-uint64(perProducer)/2) // positions wrap on the way
	book := make(ledger, consumers)
	var pushing atomic.Int32
	pushing.Store(int32(producers))

	produce := func(p int) {
		defer func() {
			if pushing.Add(-1) == 0 {
				r.Close()
			}
		}()
		vs := make([]item, batch)
		for seq := 0; seq < perProducer; {
			vs = vs[:min(batch, perProducer-seq)]
			for i := range vs {
				vs[i] = item{p, seq + i}
			}
			n, s := 0, OK
			if batch > 1 {
				n, s = r.PushBatch(vs)
			} else if s = r.TryPush(vs[0]); s == OK {
				n = 1
			}
			if s != OK {
				if !assert.Equal(t, Full, s) {
					return
				}
				runtime.Gosched()
			}
			seq += n
		}
	}
	consume := func(c int) {
		dst := make([]item, batch)
		for {
			n, s := 0, OK
			if batch > 1 {
				n, s = r.PopBatch(dst)
			} else if dst[0], s = r.TryPop(); s == OK {
				n = 1
			}
			book[c] = append(book[c], dst[:n]...)
			switch s {
			case Closed:
				return
			case Empty, Busy:
				runtime.Gosched()
			}
		}
	}
	testx.Join(t, append(testx.Times(producers, produce), testx.Times(consumers, consume)...)...)
	book.check(t, producers, perProducer)
	popped, queued, isClosed := r.Progress()
	assert.Zero(t, queued)
	assert.True(t, isClosed)
	assert.Equal(t, (1<<62-uint64(perProducer)/2+uint64(producers*perProducer))%(1<<62), popped)
}

// As many threads as cells, each pushes one value and pops one: so the ring is
// never full for a push and never empty for a pop. Any other answer means that
// "full" or "empty" stood for "somebody was quicker". (After the test
// "linearizable" of crossbeam's ArrayQueue.)
func TestStrict(t *testing.T) {
	push := map[string]func(r *Ring[int], v int) Status{
		"TryPush":   func(r *Ring[int], v int) Status { return r.TryPush(v) },
		"PushBatch": func(r *Ring[int], v int) Status { _, s := r.PushBatch([]int{v}); return s },
	}
	pop := map[string]func(r *Ring[int]) Status{
		"TryPop":   func(r *Ring[int]) Status { _, s := r.TryPop(); return s },
		"PopBatch": func(r *Ring[int]) Status { _, s := r.PopBatch(make([]int, 1)); return s },
	}
	for _, threads := range []int{2, 4} {
		for pushName, push := range push {
			for popName, pop := range pop {
				t.Run(fmt.Sprintf("%s/%s/%d", pushName, popName, threads), func(t *testing.T) {
					r := New[int](threads, 1<<62-1)
					testx.Join(t, testx.Times(threads, func(v int) {
						for i := count(20_000); i > 0; i-- {
							if s := push(r, v); s != OK {
								t.Errorf("push: status %d, with %d of %d queued", s, r.Len(), threads)
								return
							}
							s := pop(r)
							for ; s == Busy; s = pop(r) {
								runtime.Gosched()
							}
							if s != OK {
								t.Errorf("pop: status %d, with %d of %d queued", s, r.Len(), threads)
								return
							}
						}
					})...)
					assert.Zero(t, r.Len())
				})
			}
		}
	}
}

// However the readings interleave with pushes and pops, they are possible ones.
func TestProgressUnderWay(t *testing.T) {
	const capacity = 2
	n := count(400_000)
	r := New[int](capacity, 0)
	var done atomic.Bool
	testx.AtOnce(t,
		func() {
			for i := 0; i < n; i++ {
				r.TryPush(i)
				r.TryPop()
			}
			r.Close()
			done.Store(true)
		},
		func() {
			last := uint64(0)
			for i := 0; !done.Load(); i++ {
				popped, queued, _ := r.Progress()
				if popped < last || queued < 0 || queued > capacity {
					t.Errorf("%d popped after %d, %d queued", popped, last, queued)
					return
				}
				last = popped
				if i%1024 == 0 {
					runtime.Gosched()
				}
			}
		})
	popped, queued, isClosed := r.Progress()
	assert.EqualValues(t, n, popped)
	assert.Zero(t, queued)
	assert.True(t, isClosed)
}
