package bench

import (
	"context"
	"sync"
	"time"
)

// The plain-channel rivals: what people write by hand, written well.

type message struct{ key, value uint64 }

type answer struct{ key, value uint64 }

// state is what the handler owns, on both sides.
type state struct{ sum uint64 }

func (s *state) ask(m message) answer {
	s.sum += m.value
	return answer{m.key, s.sum}
}

type result struct {
	answer answer
	err    error
}

type envelope struct {
	ctx   context.Context
	msg   message
	reply chan result // nil: a command
}

// idiom is a goroutine that owns the state, and a channel of envelopes, each
// with a fresh reply channel.
type idiom struct {
	ch   chan envelope
	done sync.WaitGroup
}

func newIdiom(capacity int) *idiom {
	d := &idiom{ch: make(chan envelope, capacity)}
	d.done.Add(1)
	go func() {
		defer d.done.Done()
		var st state
		for e := range d.ch {
			a := st.ask(e.msg)
			if e.reply != nil {
				e.reply <- result{answer: a}
			}
		}
	}()
	return d
}

func (d *idiom) close() {
	close(d.ch)
	d.done.Wait()
}

// plain has no context and no time-out.
func (d *idiom) plain(_ context.Context, m message) (answer, error) {
	reply := make(chan result, 1)
	d.ch <- envelope{msg: m, reply: reply}
	r := <-reply
	return r.answer, r.err
}

// withCtx selects on the context, at both ends.
func (d *idiom) withCtx(ctx context.Context, m message) (answer, error) {
	reply := make(chan result, 1)
	select {
	case d.ch <- envelope{ctx: ctx, msg: m, reply: reply}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case r := <-reply:
		return r.answer, r.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// withTimer adds a time-out for each request.
func (d *idiom) withTimer(ctx context.Context, m message) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return d.withCtx(ctx, m)
}

func (d *idiom) send(m message) { d.ch <- envelope{msg: m} }
