package main

import (
	"context"
	"sync"
)

// channels is the plain-channel side, as one writes it by hand and with care: a
// goroutine owns the index, requests bring a reply channel of their own, every
// wait obeys the context, and workers take the CPU-heavy requests.
type channels struct {
	in   chan envelope
	work chan envelope

	index   *index
	stopped sync.WaitGroup // owner and workers
}

type envelope struct {
	ctx   context.Context
	msg   message
	reply chan reply // nil: a command
}

type reply struct {
	answer answer
	err    error
}

func newChannels(cfg config) (side, error) {
	c := &channels{
		in:    make(chan envelope, cfg.queue),
		work:  make(chan envelope, cfg.queue),
		index: newIndex(),
	}
	c.stopped.Add(1 + cfg.workers)
	go c.own()
	for i := 0; i < cfg.workers; i++ {
		go c.toil()
	}
	return c, nil
}

func (c *channels) own() {
	defer c.stopped.Done()
	defer close(c.work)
	for e := range c.in {
		switch {
		case e.reply == nil:
			c.index.handle(e.msg)
		case e.msg.kind == digest:
			select {
			case c.work <- e:
			case <-e.ctx.Done():
			}
		default:
			e.reply <- reply{answer: c.index.handle(e.msg)} // has room for one: never blocks
		}
	}
}

func (c *channels) toil() {
	defer c.stopped.Done()
	for e := range c.work {
		if e.ctx.Err() != nil {
			continue // its caller has gone
		}
		d, err := work(e.msg.file)
		e.reply <- reply{answer: answer{digests: d}, err: err}
	}
}

func (c *channels) request(ctx context.Context, m message) (answer, error) {
	replies := make(chan reply, 1)
	select {
	case c.in <- envelope{ctx, m, replies}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case r := <-replies:
		return r.answer, r.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

func (c *channels) send(ctx context.Context, m message) error {
	select {
	case c.in <- envelope{ctx: ctx, msg: m}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shutdown relies on there being no senders any more: closing a channel that
// somebody sends to panics.
func (c *channels) shutdown(ctx context.Context) (*index, error) {
	close(c.in)
	stopped := make(chan struct{})
	go func() {
		c.stopped.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		return c.index, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
