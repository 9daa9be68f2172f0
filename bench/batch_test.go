package bench

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// The plain-channel rivals for messages that come in slices.

// batch is an envelope for a slice of messages.
type batch struct {
	ctx  context.Context // for the handler
	msgs []message
	out  []result      // where the answers go
	done chan struct{} // with room for one: out has them all
	cmd  bool          // no answers: it is its owner's when it is sent
}

// batched is idiom with a channel of batches.
type batched struct {
	ch   chan *batch
	done sync.WaitGroup
	sum  uint64    // the handler's, when done
	free sync.Pool // of *batch that have slices of their own
}

func newBatched(work int) *batched {
	d := &batched{ch: make(chan *batch, idiomCapacity/putBatch)}
	d.done.Add(1)
	go func() {
		defer d.done.Done()
		st := state{work: work}
		for e := range d.ch {
			if e.cmd {
				for _, m := range e.msgs {
					st.ask(m)
				}
				d.free.Put(e)
				continue
			}
			for i, m := range e.msgs {
				e.out[i] = result{Value: st.ask(m)}
			}
			e.done <- struct{}{}
		}
		d.sum = st.sum
	}()
	return d
}

// overBatched makes a side that sends in the ways that are given.
func overBatched(ways func(*batched, *side)) func(testing.TB, setup) *side {
	return func(_ testing.TB, s setup) *side {
		d := newBatched(s.work)
		sd := &side{stop: func() uint64 {
			close(d.ch)
			d.done.Wait()
			return d.sum
		}}
		ways(d, sd)
		sd.request = func(ctx context.Context, m message) (answer, error) {
			var out [1]result
			if err := sd.requestAll(ctx, []message{m}, out[:]); err != nil {
				return answer{}, err
			}
			return out[0].Value, out[0].Err
		}
		return sd
	}
}

// ask lends the caller's slices to the owner, which is safe because the caller
// waits, however long that takes.
func (d *batched) ask(ctx context.Context, ms []message, out []result) error {
	e := &batch{ctx: ctx, msgs: ms, out: out, done: make(chan struct{}, 1)}
	d.ch <- e
	<-e.done
	return nil
}

// own returns a batch with a copy of ms: the caller may use its slice again.
func (d *batched) own(ctx context.Context, ms []message) *batch {
	e, ok := d.free.Get().(*batch)
	if !ok {
		e = &batch{done: make(chan struct{}, 1)}
	}
	e.ctx, e.msgs, e.cmd = ctx, append(e.msgs[:0], ms...), false
	return e
}

func (d *batched) put(ctx context.Context, e *batch) error {
	select {
	case d.ch <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askCtx has copies of both slices, as the owner still uses them when the caller
// gives up. Such a batch does not go back to the pool.
func (d *batched) askCtx(ctx context.Context, ms []message, out []result) error {
	e := d.own(ctx, ms)
	e.out = slices.Grow(e.out[:0], len(ms))[:len(ms)]
	if err := d.put(ctx, e); err != nil {
		return err
	}
	select {
	case <-e.done:
		copy(out, e.out)
		d.free.Put(e)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *batched) send(ctx context.Context, ms []message) error {
	e := d.own(ctx, ms)
	e.cmd = true
	d.ch <- e
	return nil
}

func (d *batched) sendCtx(ctx context.Context, ms []message) error {
	e := d.own(ctx, ms)
	e.cmd = true
	return d.put(ctx, e)
}
