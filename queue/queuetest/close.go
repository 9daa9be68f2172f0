package queuetest

import (
	"context"
	"errors"
	"math/rand"
	"runtime"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

func closeRefusesPushes[T any](c *trial[T]) {
	for _, part := range []int{0, 1, 2} { // empty, half full, full
		q := c.open(4)
		fill := part * q.Cap() / 2
		for i := 0; i < fill; i++ {
			c.push(q, i)
		}
		refused := func(what string, err error) {
			c.TB.Helper()
			c.must(errors.Is(err, queue.ErrClosed), "%s after Close, with %d of %d: %v, want ErrClosed", what, fill, q.Cap(), err)
		}
		for i := 0; i < 3; i++ {
			c.close(q)
			c.join(func() {
				if err := q.TryPush(c.f.Value(9)); !errors.Is(err, queue.ErrClosed) {
					c.Errorf("TryPush after Close, with %d of %d: %v, want ErrClosed", fill, q.Cap(), err)
				}
			})
			for _, w := range c.pushes(q) {
				refused(w.name, c.doPush(bg, q, w, 9))
			}
			n, err := c.pushBatch(bg, q, c.values(8, 10))
			refused("PushBatch", err)
			same(c, "length that PushBatch returned", n, 0)
			same(c, "Stats", q.Stats(), queue.Stats{Pushed: uint64(fill), Len: fill, Cap: q.Cap(), Closed: true})
		}
		c.sameAll("what is there", c.drain(q), span(0, fill))
		c.wantClosed(q)
	}
}

func closeKeepsTheRest[T any](c *trial[T]) {
	c.eachPop(func(pop popWay[T]) {
		q := c.filled(4)
		c.close(q)
		for i := 0; i < q.Cap(); i++ {
			n, err := c.doPop(bg, q, pop)
			c.must(err == nil, "with %d values: %v", q.Cap()-i, err)
			same(c, "popped", n, i)
		}
		_, err := c.doPop(bg, q, pop)
		c.must(errors.Is(err, queue.ErrClosed), "closed and drained: %v, want ErrClosed", err)
		c.wantClosed(q)
	})
	q := c.filled(8)
	c.close(q)
	dst := make([]T, 5)
	for next := 0; next < q.Cap(); {
		n, err := c.popBatch(bg, q, dst)
		c.must(err == nil, "PopBatch with %d values: %v", q.Cap()-next, err)
		same(c, "length that PopBatch returned", n, min(len(dst), q.Cap()-next))
		c.sameAll("popped", c.numbers(dst[:n]), span(next, next+n))
		next += n
	}
	n, err := c.popBatch(bg, q, dst)
	c.must(n == 0 && errors.Is(err, queue.ErrClosed), "PopBatch, closed and drained: %d, %v, want 0, ErrClosed", n, err)
}

func closeWakesProducers[T any](c *trial[T]) {
	for _, ctx := range c.ctxs() {
		q := c.filled(2)
		var pushed []<-chan error
		for i, ways := 0, c.pushes(q); i < 8; i++ {
			pushed = append(pushed, c.parkPush(ctx, q, ways[i%len(ways)], 1<<20))
		}
		c.close(q)
		for _, p := range pushed {
			c.await(p, queue.ErrClosed)
		}
		c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
	}
}

func closeWakesConsumers[T any](c *trial[T]) {
	for _, ctx := range c.ctxs() {
		q := c.open(2)
		var got []<-chan popped
		for i, ways := 0, c.pops(q); i < 8; i++ {
			got = append(got, c.parkPop(ctx, q, ways[i%len(ways)]))
		}
		c.close(q)
		for _, g := range got {
			c.awaitPop(g, 0, queue.ErrClosed)
		}
		c.wantClosed(q)
	}
}

func closeCutsPushBatch[T any](c *trial[T]) {
	q := c.open(4)
	pushed := testx.Park(c, func() popped {
		n, err := q.PushBatch(bg, c.values(0, 2*q.Cap()+2))
		return popped{n, err}
	})
	c.becomesFull(q) // who sleeps may do so before
	v, err := c.take(q)
	c.must(err == nil, "Pop: %v", err)
	same(c, "popped", v, 0)
	c.close(q)
	p := testx.Recv(c, pushed)
	c.must(errors.Is(p.err, queue.ErrClosed), "PushBatch: %v, want ErrClosed", p.err)
	c.must(p.n == q.Cap() || p.n == q.Cap()+1, // the latter if it was quicker than Close
		"PushBatch queued %d with room for %d and one that was made", p.n, q.Cap())
	c.sameAll("what is there", c.drain(q), span(1, p.n))
}

func popDuringClose[T any](c *trial[T]) {
	ways := append(c.pops(c.open(1)), popWay[T]{"TryPop", func(_ context.Context, q queue.Queue[T]) (int, error) {
		if v, ok := q.TryPop(); ok {
			return c.f.Number(v), nil
		}
		return 0, errors.New("says empty")
	}})
	for _, pop := range ways {
		for round := c.rounds(2000); round > 0; round-- {
			q := c.make(2)
			c.push(q, 7)
			var n int
			var err error
			c.atOnce(q.Close, func() { n, err = pop.do(bg, q) })
			c.must(err == nil, "%s with a value there, while Close runs: %v", pop.name, err)
			same(c, "popped", n, 7)
		}
	}
}

func pushDuringClose[T any](c *trial[T]) {
	for round := c.rounds(5000); round > 0; round-- {
		q := c.make(2)
		var err error
		c.atOnce(q.Close, func() { err = q.TryPush(c.f.Value(7)) })
		want := []int{7}
		if err != nil {
			c.must(errors.Is(err, queue.ErrClosed), "TryPush: %v, want nil or ErrClosed", err)
			want = nil
		}
		c.sameAll("what is there", c.drain(q), want)
		c.wantClosed(q)
	}
}

// nothingAfterClose drains as soon as Close has returned, and looks again when the
// pushes that were under way have ended.
func nothingAfterClose[T any](c *trial[T]) {
	for round := c.rounds(5000); round > 0; round-- {
		q := c.make(64)
		var accepted [3]int
		early := -1
		push := func(p int) func() {
			return func() {
				for q.TryPush(c.f.Value(p)) == nil {
					accepted[p]++
				}
			}
		}
		c.atOnce(push(0), push(1), push(2), func() {
			q.Close()
			early = len(c.drain(q))
		})
		late := len(c.drain(q))
		c.must(late == 0, "%d values were accepted after Close had returned", late)
		same(c, "values popped after Close", early, accepted[0]+accepted[1]+accepted[2])
	}
}

func closeByMany[T any](c *trial[T]) {
	for round := c.rounds(500); round > 0; round-- {
		q := c.filled(2)
		c.atOnce(q.Close, q.Close, q.Close)
		c.must(q.Stats().Closed, "Stats.Closed is false")
		c.sameAll("what is there", c.drain(q), span(0, q.Cap()))
		c.wantClosed(q)
	}
}

// closeAtAnyMoment closes among blocked and working producers and consumers.
func closeAtAnyMoment[T any](c *trial[T]) {
	rnd := rand.New(rand.NewSource(1))
	for round := c.rounds(5000); round > 0; round-- {
		q := c.make(2 << (round % 3))
		book := newBook(c, 2, 2)
		moment := rnd.Intn(30)
		c.atOnce(
			func() { book.produce(q, 0, 100, patient) },
			func() { book.produce(q, 1, 100, patient) },
			func() { book.consume(q, 0, patient) },
			func() { book.consume(q, 1, patient) },
			func() {
				for i := 0; i < moment; i++ {
					runtime.Gosched()
				}
				q.Close()
			})
		book.check()
		same(c, "Len", q.Len(), 0)
		s := q.Stats()
		same(c, "Stats.Popped", s.Popped, s.Pushed)
	}
}
