package queuetest

import (
	"errors"
	"math/rand"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// wantFull ends the test unless a push is refused for want of room.
func (c *trial[T]) wantFull(q queue.Queue[T]) {
	c.TB.Helper()
	err := call(c, func() error { return q.TryPush(c.f.Value(0)) })
	c.must(errors.Is(err, queue.ErrFull), "TryPush with %d of %d: %v, want ErrFull", q.Len(), q.Cap(), err)
}

func capIsWhatFits[T any](c *trial[T]) {
	most := 130
	if c.f.MaxQueues > 0 {
		most = min(most, c.f.MaxQueues)
	}
	for capacity := 1; capacity <= most; capacity++ {
		q := c.make(capacity)
		for lap := 0; lap < 3; lap++ {
			_, ok := q.TryPop()
			c.must(!ok, "TryPop of an empty queue has a value")
			for i := 0; i < q.Cap(); i++ {
				same(c, "Len", q.Len(), i)
				c.push(q, i)
			}
			c.wantFull(q)
			same(c, "Len of a full queue", q.Len(), q.Cap())
			same(c, "Stats.Cap", q.Stats().Cap, q.Cap())
			c.sameAll("popped", c.drain(q), span(0, q.Cap()))
			same(c, "Len of an empty queue", q.Len(), 0)
		}
		q.Close()
	}
}

func popsAreFIFO[T any](c *trial[T]) {
	c.eachPush(func(push pushWay[T]) {
		q := c.open(8)
		for lap := 0; lap < 3; lap++ {
			for i := 0; i < q.Cap(); i++ {
				err := c.doPush(bg, q, push, i)
				c.must(err == nil, "with room: %v", err)
			}
			c.sameAll("popped", c.drain(q), span(0, q.Cap()))
		}
	})
	c.eachPop(func(pop popWay[T]) {
		for lap, q := 0, c.open(8); lap < 3; lap++ {
			for i := 0; i < q.Cap(); i++ {
				c.push(q, i)
			}
			for i := 0; i < q.Cap(); i++ {
				n, err := c.doPop(bg, q, pop)
				c.must(err == nil, "with %d values: %v", q.Len(), err)
				same(c, "popped", n, i)
			}
			same(c, "Len", q.Len(), 0)
		}
	})
}

func batchIsAPrefix[T any](c *trial[T]) {
	q := c.open(8)
	size := q.Cap()
	next := 0
	for _, n := range []int{0, 1, 3, size - 4} {
		k, err := c.pushBatch(bg, q, c.values(next, next+n))
		c.must(err == nil, "PushBatch of %d with %d of %d: %v", n, next, size, err)
		same(c, "length that PushBatch returned", k, n)
		next += n
	}
	c.wantFull(q)

	// What a pop does not fill keeps what was there.
	const mark = 1 << 20
	next = 0
	for _, room := range []int{1, 3, size + 10} {
		dst := make([]T, room)
		for i := range dst {
			dst[i] = c.f.Value(mark)
		}
		want := min(room, size-next)
		k, err := c.popBatch(bg, q, dst)
		c.must(err == nil, "PopBatch with %d values: %v", size-next, err)
		same(c, "length that PopBatch returned", k, want)
		c.sameAll("popped", c.numbers(dst[:k]), span(next, next+k))
		for _, n := range c.numbers(dst[k:]) {
			same(c, "the rest of dst", n, mark)
		}
		next += k
	}
	same(c, "Len", q.Len(), 0)
}

// batchIsTheCallers writes over the slice when PushBatch has returned.
func batchIsTheCallers[T any](c *trial[T]) {
	const mark = 1 << 20
	q := c.open(4)
	size := q.Cap()
	for _, n := range []int{1, size, size + 3} {
		vs := c.values(0, n)
		pushed := make(chan popped, 1)
		go func() {
			k, err := q.PushBatch(bg, vs)
			pushed <- popped{k, err}
		}()
		var got []int
		for n-len(got) > size { // room for the rest
			v, err := c.take(q)
			c.must(err == nil, "Pop: %v", err)
			got = append(got, v)
		}
		p := testx.Recv(c, pushed)
		c.must(p.err == nil && p.n == n, "PushBatch of %d: %d, %v", n, p.n, p.err)
		c.sameAll("the slice after PushBatch", c.numbers(vs), span(0, n))
		for i := range vs {
			vs[i] = c.f.Value(mark)
		}
		c.sameAll("popped, though the slice has changed since", append(got, c.drain(q)...), span(0, n))
	}
}

func emptyBatchDoesNotBlock[T any](c *trial[T]) {
	empty, full := c.open(2), c.filled(2)
	c.join(func() {
		for _, q := range []queue.Queue[T]{empty, full} {
			for _, vs := range [][]T{nil, {}} {
				if n, err := q.PushBatch(bg, vs); n != 0 || err != nil {
					c.Errorf("PushBatch of nothing: %d, %v", n, err)
				}
				if n, err := q.PopBatch(bg, vs); n != 0 || err != nil {
					c.Errorf("PopBatch of nothing: %d, %v", n, err)
				}
			}
		}
	})
	c.sameAll("what is there", c.drain(full), span(0, full.Cap()))
}

// behavesAsASlice does at random what does not block, and compares.
func behavesAsASlice[T any](c *trial[T]) {
	rnd := rand.New(rand.NewSource(1))
	q := c.open(4)
	var model []int
	next, gone := 0, 0
	for i := 0; i < 5000; i++ {
		switch room := q.Cap() - len(model); rnd.Intn(6) {
		case 0:
			if room == 0 {
				c.wantFull(q)
				continue
			}
			c.push(q, next)
			model = append(model, next)
			next++
		case 1:
			if room == 0 {
				continue
			}
			err := c.doPush(bg, q, c.pushes(q)[0], next)
			c.must(err == nil, "Push with room for %d: %v", room, err)
			model = append(model, next)
			next++
		case 2:
			n := rnd.Intn(room + 1)
			k, err := c.pushBatch(bg, q, c.values(next, next+n))
			c.must(err == nil && k == n, "PushBatch of %d with room for %d: %d, %v", n, room, k, err)
			model = append(model, span(next, next+n)...)
			next += n
		case 3:
			v, ok := q.TryPop()
			same(c, "TryPop", ok, len(model) > 0)
			if ok {
				same(c, "popped", c.f.Number(v), model[0])
				model = model[1:]
				gone++
			}
		case 4:
			if len(model) == 0 {
				continue
			}
			v, err := c.take(q)
			c.must(err == nil, "Pop with %d values: %v", len(model), err)
			same(c, "popped", v, model[0])
			model = model[1:]
			gone++
		case 5:
			if len(model) == 0 {
				continue
			}
			dst := make([]T, rnd.Intn(q.Cap()+2))
			n, err := c.popBatch(bg, q, dst)
			c.must(err == nil, "PopBatch with %d values: %v", len(model), err)
			same(c, "length that PopBatch returned", n, min(len(dst), len(model)))
			c.sameAll("popped", c.numbers(dst[:n]), model[:n])
			model = model[n:]
			gone += n
		}
		same(c, "Len", q.Len(), len(model))
		same(c, "Stats", q.Stats(), queue.Stats{Pushed: uint64(next), Popped: uint64(gone), Len: len(model), Cap: q.Cap()})
	}
	c.close(q)
	same(c, "Stats after Close", q.Stats(), queue.Stats{
		Pushed: uint64(next), Popped: uint64(gone), Len: len(model), Cap: q.Cap(), Closed: true,
	})
}
