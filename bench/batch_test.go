package bench

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// Messages that come in slices, each of which is one message: over plain channels, and
// over sparkpipe.

// batch is an envelope for a slice of messages.
type batch struct {
	ctx  context.Context // for the handler
	msgs []message
	out  []result      // where the answers go
	done chan struct{} // with room for one: out has them all
	cmd  bool          // no answers: it is its owner's when it is sent
}

// batches has those that have slices of their own and are not in use.
type batches struct{ free sync.Pool } // of *batch

// batched is idiom with a channel of batches.
type batched struct {
	batches
	ch   chan *batch
	done sync.WaitGroup
	sum  uint64 // the handler's, when done
}

// handleCommand is the handler's for a batch of commands.
func (d *batches) handleCommand(st *state, e *batch) {
	for _, m := range e.msgs {
		st.ask(m)
	}
	d.free.Put(e)
}

// answer is the handler's for a batch of requests.
func (e *batch) answer(st *state) {
	for i, m := range e.msgs {
		e.out[i] = result{Value: st.ask(m)}
	}
}

func newBatched(work int) *batched {
	d := &batched{ch: make(chan *batch, idiomCapacity/putBatch)}
	d.done.Add(1)
	go func() {
		defer d.done.Done()
		st := state{work: work}
		for e := range d.ch {
			if e.cmd {
				d.handleCommand(&st, e)
				continue
			}
			e.answer(&st)
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
		sd.request = sd.requestOne
		return sd
	}
}

// requestOne is requestAll of one.
func (s *side) requestOne(ctx context.Context, m message) (answer, error) {
	var out [1]result
	if err := s.requestAll(ctx, []message{m}, out[:]); err != nil {
		return answer{}, err
	}
	return out[0].Value, out[0].Err
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
func (d *batches) own(ctx context.Context, ms []message) *batch {
	e, ok := d.free.Get().(*batch)
	if !ok {
		e = &batch{done: make(chan struct{}, 1)}
	}
	e.ctx, e.msgs, e.cmd = ctx, append(e.msgs[:0], ms...), false
	return e
}

// ownBoth is own with room for the answers.
func (d *batches) ownBoth(ctx context.Context, ms []message) *batch {
	e := d.own(ctx, ms)
	e.out = slices.Grow(e.out[:0], len(ms))[:len(ms)]
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
	e := d.ownBoth(ctx, ms)
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

// overSlices makes a server whose messages are batches. It does what idiom-ctx-batch
// does: the handler may still use a batch when its caller has given up.
func overSlices(tb testing.TB, s setup) *side {
	var free batches
	st := state{work: s.work}
	srv, err := server.New[*batch, struct{}](server.Funcs[*batch, struct{}]{
		Request: func(_ context.Context, e *batch) (struct{}, error) { e.answer(&st); return struct{}{}, nil },
		Command: func(_ context.Context, e *batch) error { free.handleCommand(&st, e); return nil },
	}, server.Options{Queue: queue.Options{Capacity: idiomCapacity / putBatch}})
	require.NoError(tb, err)
	d, err := dispatcher.New(srv, dispatcher.Options{})
	require.NoError(tb, err)
	go srv.Run(context.Background())
	sd := &side{
		requestAll: func(ctx context.Context, ms []message, out []result) error {
			e := free.ownBoth(ctx, ms)
			if _, err := d.Request(ctx, e); err != nil {
				return err
			}
			copy(out, e.out)
			free.free.Put(e)
			return nil
		},
		sendAll: func(ctx context.Context, ms []message) error { return d.Send(ctx, free.own(ctx, ms)) },
		stop: func() uint64 {
			require.NoError(tb, srv.Shutdown(context.Background()))
			return st.sum
		},
	}
	sd.request = sd.requestOne
	return sd
}
