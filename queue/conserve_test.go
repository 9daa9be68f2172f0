package queue_test

import (
	"context"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// item names a value after who pushed it, and as which of its values.
type item struct{ producer, seq int }

// book holds what producers were told and what consumers got.
type book struct {
	accepted [][]bool // by producer and seq
	popped   [][]item // by consumer, in its order
}

func newBook(producers, consumers int) *book {
	return &book{make([][]bool, producers), make([][]item, consumers)}
}

// check: exactly what was accepted was popped, once each; and no consumer saw
// two values of one producer in the wrong order.
func (b *book) check(t *testing.T) {
	t.Helper()
	for c, items := range b.popped {
		last := make([]int, len(b.accepted))
		for _, it := range items {
			if !b.accepted[it.producer][it.seq] {
				t.Fatalf("%v was popped twice, or was refused", it)
			}
			b.accepted[it.producer][it.seq] = false
			if it.seq < last[it.producer] {
				t.Fatalf("consumer %d saw %v after %d", c, it, last[it.producer])
			}
			last[it.producer] = it.seq
		}
	}
	for p, seqs := range b.accepted {
		for seq, lost := range seqs {
			if lost {
				t.Fatalf("value %d of producer %d was accepted and never popped", seq, p)
			}
		}
	}
}

// produce pushes n values in all the ways there are, with a ctx of its own for
// each, until the queue is closed. Values that ctx refused are not tried again.
func (b *book) produce(q full[item], p, n int, newCtx func(*rand.Rand) (context.Context, func())) {
	rnd := rand.New(rand.NewSource(int64(p)))
	for len(b.accepted[p]) < n {
		seq := len(b.accepted[p])
		ctx, done := newCtx(rnd)
		vs, k := []item{{p, seq}}, 0
		var err error
		switch rnd.Intn(4) {
		case 0:
			for err = q.TryPush(vs[0]); err == queue.ErrFull; err = q.TryPush(vs[0]) {
				runtime.Gosched()
			}
		case 1:
			err = q.Push(ctx, vs[0])
		case 2:
			err = q.PushTimed(ctx, vs[0], nil)
		case 3:
			vs = append(vs, item{p, seq + 1}, item{p, seq + 2})
			k, err = q.PushBatch(ctx, vs)
		}
		done()
		if err == nil {
			k = len(vs)
		}
		for i := range vs {
			b.accepted[p] = append(b.accepted[p], i < k)
		}
		if err == queue.ErrClosed {
			return
		}
	}
}

// consume pops in all the ways there are until the queue is closed and drained.
func (b *book) consume(q full[item], c int, newCtx func(*rand.Rand) (context.Context, func())) {
	rnd := rand.New(rand.NewSource(int64(-c - 1)))
	dst := make([]item, 3)
	for {
		ctx, done := newCtx(rnd)
		n := 1
		var err error
		switch rnd.Intn(4) {
		case 0:
			var ok bool
			if dst[0], ok = q.TryPop(); !ok {
				n = 0
				runtime.Gosched()
			}
		case 1:
			dst[0], err = q.Pop(ctx)
		case 2:
			dst[0], err = q.PopTimed(ctx, nil)
		case 3:
			n, err = q.PopBatch(ctx, dst)
		}
		done()
		if err != nil {
			n = 0
		}
		b.popped[c] = append(b.popped[c], dst[:n]...)
		if err == queue.ErrClosed {
			return
		}
	}
}

func noCtx(*rand.Rand) (context.Context, func()) { return bg, func() {} }

// hasty makes every other context one that ends at a random moment, soon.
func hasty(rnd *rand.Rand) (context.Context, func()) {
	if rnd.Intn(2) == 0 {
		return bg, func() {}
	}
	return context.WithTimeout(bg, time.Duration(rnd.Intn(10))*time.Microsecond)
}

// Close at a random moment, among blocked and working producers and consumers:
// what was accepted is popped, and nothing else.
func TestCloseAtAnyMoment(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		const producers, consumers = 2, 2
		rnd := rand.New(rand.NewSource(1))
		for round := 0; round < rounds(b, 5000); round++ {
			q := open[item](t, b, 2<<(round%3))
			book := newBook(producers, consumers)
			moment := rnd.Intn(30)
			testx.AtOnce(t,
				func() { book.produce(q, 0, 100, noCtx) },
				func() { book.produce(q, 1, 100, noCtx) },
				func() { book.consume(q, 0, noCtx) },
				func() { book.consume(q, 1, noCtx) },
				func() {
					for i := 0; i < moment; i++ {
						runtime.Gosched()
					}
					q.Close()
				})
			book.check(t)
			require.Zero(t, q.Len())
			s := q.Stats()
			require.Equal(t, s.Pushed, s.Popped)
		}
	})
}

// A long run in every shape, then an orderly close.
func TestConservation(t *testing.T) {
	for name, newCtx := range map[string]func(*rand.Rand) (context.Context, func()){"patient": noCtx, "hasty": hasty} {
		for _, capacity := range []int{2, 64} {
			for _, shape := range [][2]int{{1, 1}, {4, 1}, {1, 4}, {4, 4}} {
				t.Run(fmt.Sprintf("%s/cap=%d/%dP%dC", name, capacity, shape[0], shape[1]), func(t *testing.T) {
					each(t, func(t *testing.T, b queue.Backend) {
						conserve(t, open[item](t, b, capacity), shape[0], shape[1], scaled(b, 40_000), newCtx)
					})
				})
			}
		}
	}
}

func conserve(t *testing.T, q full[item], producers, consumers, n int, newCtx func(*rand.Rand) (context.Context, func())) {
	book := newBook(producers, consumers)
	var pushing sync.WaitGroup
	pushing.Add(producers)
	work := testx.Times(producers, func(p int) {
		defer pushing.Done()
		book.produce(q, p, n/producers, newCtx)
	})
	work = append(work, testx.Times(consumers, func(c int) { book.consume(q, c, newCtx) })...)
	testx.Join(t, append(work, func() {
		pushing.Wait()
		q.Close()
	})...)

	accepted := 0
	for _, seqs := range book.accepted {
		for _, ok := range seqs {
			if ok {
				accepted++
			}
		}
	}
	book.check(t)
	assert.Equal(t, queue.Stats{
		Pushed: uint64(accepted), Popped: uint64(accepted), Cap: q.Cap(), Closed: true,
	}, q.Stats())
}
