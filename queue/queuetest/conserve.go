package queuetest

import (
	"context"
	"errors"
	"math/rand"
	"runtime"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// A value of these tests is numbered by its producer and its place among what
// that one offered.
const perProducer = 1 << 20

// book holds what producers were told and what consumers got.
type book[T any] struct {
	c        *trial[T]
	accepted [][]bool // by producer and place
	popped   [][]int  // by consumer, in its order
}

func newBook[T any](c *trial[T], producers, consumers int) *book[T] {
	return &book[T]{c, make([][]bool, producers), make([][]int, consumers)}
}

// check: exactly what was accepted was popped, once each; and no consumer saw
// two values of one producer in the wrong order. It returns how many.
func (b *book[T]) check() (n int) {
	c := b.c
	c.TB.Helper()
	for k, numbers := range b.popped {
		last := make([]int, len(b.accepted))
		for _, n := range numbers {
			c.must(n >= 0, "consumer %d got what nobody pushed, or a torn value", k)
			p, seq := n/perProducer, n%perProducer
			c.must(p < len(b.accepted) && seq < len(b.accepted[p]), "consumer %d got value %d of producer %d, which was never offered", k, seq, p)
			c.must(b.accepted[p][seq], "value %d of producer %d was popped twice, or was refused", seq, p)
			b.accepted[p][seq] = false
			c.must(seq >= last[p], "consumer %d got value %d of producer %d after %d", k, seq, p, last[p])
			last[p] = seq
		}
		n += len(numbers)
	}
	for p, seqs := range b.accepted {
		for seq, lost := range seqs {
			c.must(!lost, "value %d of producer %d was accepted and never popped", seq, p)
		}
	}
	return n
}

// newCtx makes the ctx of one operation.
type newCtx func(*rand.Rand) (context.Context, func())

func patient(*rand.Rand) (context.Context, func()) { return bg, func() {} }

// hasty makes every other context one that ends at a random moment, soon.
func hasty(rnd *rand.Rand) (context.Context, func()) {
	if rnd.Intn(2) == 0 {
		return bg, func() {}
	}
	return context.WithTimeout(bg, time.Duration(rnd.Intn(10))*time.Microsecond)
}

// produce offers n values in all the ways there are, until the queue is closed.
// What a ctx refused is not offered again.
func (b *book[T]) produce(q queue.Queue[T], p, n int, newCtx newCtx) {
	c := b.c
	rnd := rand.New(rand.NewSource(int64(p)))
	ways := c.pushes(q)
	for len(b.accepted[p]) < n {
		number := p*perProducer + len(b.accepted[p])
		ctx, done := newCtx(rnd)
		offered, k := 1, 0
		var err error
		switch i := rnd.Intn(len(ways) + 2); {
		case i < len(ways):
			err = ways[i].do(ctx, q, number)
		case i == len(ways):
			for err = q.TryPush(c.f.Value(number)); errors.Is(err, queue.ErrFull); err = q.TryPush(c.f.Value(number)) {
				runtime.Gosched()
			}
		default:
			offered = 3
			k, err = q.PushBatch(ctx, c.values(number, number+offered))
		}
		done()
		if err == nil {
			k = offered
		}
		for i := 0; i < offered; i++ {
			b.accepted[p] = append(b.accepted[p], i < k)
		}
		switch {
		case errors.Is(err, queue.ErrClosed):
			return
		case err != nil && !errors.Is(err, ctx.Err()):
			c.Errorf("a push failed: %v", err)
			q.Close()
			return
		}
	}
}

// consume pops in all the ways there are until the queue is closed and drained.
func (b *book[T]) consume(q queue.Queue[T], k int, newCtx newCtx) {
	c := b.c
	rnd := rand.New(rand.NewSource(int64(-k - 1)))
	ways := c.pops(q)
	dst := make([]T, 3)
	for {
		ctx, done := newCtx(rnd)
		var numbers []int
		var err error
		switch i := rnd.Intn(len(ways) + 2); {
		case i < len(ways):
			var n int
			if n, err = ways[i].do(ctx, q); err == nil {
				numbers = []int{n}
			}
		case i == len(ways):
			if v, ok := q.TryPop(); ok {
				numbers = []int{c.f.Number(v)}
			} else {
				runtime.Gosched()
			}
		default:
			var n int
			n, err = q.PopBatch(ctx, dst)
			numbers = c.numbers(dst[:n])
		}
		done()
		b.popped[k] = append(b.popped[k], numbers...)
		switch {
		case errors.Is(err, queue.ErrClosed):
			return
		case err != nil && !errors.Is(err, ctx.Err()):
			c.Errorf("a pop failed: %v", err)
			q.Close()
			return
		}
	}
}

func conservation[T any](c *trial[T])            { c.conserve(patient) }
func conservationUnderCancel[T any](c *trial[T]) { c.conserve(hasty) }

// conserve is a long run in every shape, each with an orderly close.
func (c *trial[T]) conserve(newCtx newCtx) {
	for _, capacity := range []int{2, 64} {
		for _, shape := range [][2]int{{1, 1}, {4, 1}, {1, 4}, {4, 4}} {
			producers, consumers := shape[0], shape[1]
			q := c.open(capacity)
			book := newBook(c, producers, consumers)
			var pushing sync.WaitGroup
			pushing.Add(producers)
			work := testx.Times(producers, func(p int) {
				defer pushing.Done()
				book.produce(q, p, c.scaled(40_000)/producers, newCtx)
			})
			work = append(work, testx.Times(consumers, func(k int) { book.consume(q, k, newCtx) })...)
			c.join(append(work, func() {
				pushing.Wait()
				q.Close()
			})...)
			n := uint64(book.check())
			same(c, "Stats", q.Stats(), queue.Stats{Pushed: n, Popped: n, Cap: q.Cap(), Closed: true})
		}
	}
}

// handedOn is a chain of goroutines, each of which takes from one queue and
// pushes onto the next, until its own is closed and drained.
func handedOn[T any](c *trial[T]) {
	links := max(2, c.rounds(100))
	n := c.scaled(2_000)
	queues := make([]queue.Queue[T], links+1)
	for i := range queues {
		queues[i] = c.open(2)
	}
	work := testx.Times(links, func(i int) {
		from, to := queues[i], queues[i+1]
		defer to.Close()
		for {
			v, err := from.Pop(bg)
			if errors.Is(err, queue.ErrClosed) {
				return
			}
			if err == nil {
				err = to.Push(bg, v)
			}
			if err != nil {
				c.Errorf("link %d: %v", i, err)
				from.Close()
				return
			}
		}
	})
	c.join(append(work,
		func() {
			defer queues[0].Close()
			for i := 0; i < n; i++ {
				if err := queues[0].Push(bg, c.f.Value(i)); err != nil {
					c.Errorf("Push: %v", err)
					return
				}
			}
		},
		func() {
			for i := 0; ; i++ {
				v, err := queues[links].Pop(bg)
				if errors.Is(err, queue.ErrClosed) && i == n {
					return
				}
				if err != nil || c.f.Number(v) != i {
					c.Errorf("the end of the chain got %d (%v) in place of %d of %d", c.f.Number(v), err, i, n)
					for _, q := range queues {
						q.Close()
					}
					return
				}
			}
		})...)
}
