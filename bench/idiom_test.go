package bench

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// The plain-channel rivals: what people write by hand, written well.

type envelope struct {
	ctx   context.Context // for the handler
	msg   message
	reply chan result // with room for one; nil: a command
}

// idiom is a goroutine that owns the state, and a channel of envelopes.
type idiom struct {
	ch       chan envelope
	done     sync.WaitGroup
	sum      uint64    // the handler's, when done
	replies  sync.Pool // of chan result
	patience sync.Pool // of *patience
}

const idiomCapacity = 1024 // as queue.DefaultCapacity

func newIdiom(work int) *idiom {
	d := &idiom{ch: make(chan envelope, idiomCapacity)}
	d.replies.New = func() any { return make(chan result, 1) }
	d.done.Add(1)
	go func() {
		defer d.done.Done()
		st := state{work: work}
		for e := range d.ch {
			a := st.ask(e.msg)
			if e.reply != nil {
				e.reply <- result{Value: a}
			}
		}
		d.sum = st.sum
	}()
	return d
}

// overIdiom makes a side that sends in the ways that are given.
func overIdiom(ways func(*idiom, *side)) func(testing.TB, setup) *side {
	return func(_ testing.TB, s setup) *side {
		d := newIdiom(s.work)
		sd := &side{stop: func() uint64 {
			close(d.ch)
			d.done.Wait()
			return d.sum
		}}
		ways(d, sd)
		return sd
	}
}

func (d *idiom) plain(ctx context.Context, m message) (answer, error) {
	reply := make(chan result, 1)
	d.ch <- envelope{ctx, m, reply}
	return d.awaitBare(reply, ctx)
}

func (d *idiom) awaitBare(reply chan result, _ context.Context) (answer, error) {
	r := <-reply
	return r.Value, r.Err
}

// pooled is safe because nobody gives up waiting: a reply channel that goes back
// to the pool is empty, and nobody will send on it.
func (d *idiom) pooled(ctx context.Context, m message) (answer, error) {
	reply := d.replies.Get().(chan result)
	d.ch <- envelope{ctx, m, reply}
	r := <-reply
	d.replies.Put(reply)
	return r.Value, r.Err
}

func (d *idiom) withCtx(ctx context.Context, m message) (answer, error) {
	reply, err := d.start(ctx, m)
	if err != nil {
		return answer{}, err
	}
	return d.await(reply, ctx)
}

func (d *idiom) put(ctx context.Context, e envelope) error {
	select {
	case d.ch <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await waits for the reply, unless ctx ends first.
func (d *idiom) await(reply chan result, ctx context.Context) (answer, error) {
	select {
	case r := <-reply:
		return r.Value, r.Err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// withCtxPooled must not give back the reply channel of a request that it
// abandons: the reply will come, and would be another caller's.
func (d *idiom) withCtxPooled(ctx context.Context, m message) (answer, error) {
	reply := d.replies.Get().(chan result)
	if err := d.put(ctx, envelope{ctx, m, reply}); err != nil {
		d.replies.Put(reply) // was not sent
		return answer{}, err
	}
	select {
	case r := <-reply:
		d.replies.Put(reply)
		return r.Value, r.Err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// idiomTimeout is that of the requests with a timeout: it never passes.
const idiomTimeout = time.Minute

var errTimeout = errors.New("timed out")

// withTimeout derives a context for each request, as most people do.
func (d *idiom) withTimeout(ctx context.Context, m message) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, idiomTimeout)
	defer cancel()
	return d.withCtx(ctx, m)
}

// patience is what a request with a timeout needs.
type patience struct {
	timer *time.Timer
	reply chan result
}

// withTimer has a pool of timers and reply channels, which is faster. They go
// back only when the reply came and the timer was stopped before it fired: then
// nothing is in either, and nothing will be.
func (d *idiom) withTimer(ctx context.Context, m message) (answer, error) {
	p, ok := d.patience.Get().(*patience)
	if ok {
		p.timer.Reset(idiomTimeout)
	} else {
		p = &patience{time.NewTimer(idiomTimeout), make(chan result, 1)}
	}
	select {
	case d.ch <- envelope{ctx, m, p.reply}:
	case <-p.timer.C:
		return answer{}, errTimeout
	case <-ctx.Done():
		p.timer.Stop()
		return answer{}, ctx.Err()
	}
	select {
	case r := <-p.reply:
		if p.timer.Stop() {
			d.patience.Put(p)
		}
		return r.Value, r.Err
	case <-p.timer.C:
		return answer{}, errTimeout
	case <-ctx.Done():
		p.timer.Stop()
		return answer{}, ctx.Err()
	}
}
