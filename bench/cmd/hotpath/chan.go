package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// chans is the rival, over plain channels, as one writes it by hand with care:
// a goroutine that owns the store, workers for the digests, bounded channels
// that refuse when they are full, a fresh reply channel and a context with a
// deadline for each request, and a drain. Its errors are the library's, so that
// the handlers have one table of them.
type chans struct {
	timeout  time.Duration
	inflight chan struct{} // a place for each request under way; nil: no limit

	mu     sync.RWMutex // senders share it, so that shutdown cannot close under them
	closed bool
	owner  chan envelope // to the goroutine that owns the store
	work   chan envelope // to the workers, past the owner: digests need no state

	running  sync.WaitGroup
	counters struct{ accepted, answered, commands, handled atomic.Uint64 }
}

type envelope struct {
	ctx   context.Context
	msg   message
	reply chan result // holds one: whoever answers never waits. nil: a command
}

type result struct {
	value []byte
	err   error
}

func startChan(c config) *chans {
	b := &chans{
		timeout: c.timeout,
		owner:   make(chan envelope, c.queue),
		work:    make(chan envelope, c.queue),
	}
	if c.inflight > 0 {
		b.inflight = make(chan struct{}, c.inflight)
	}
	st := newStore()
	b.serve(b.owner, st.do)
	for i := 0; i < c.workers; i++ {
		b.serve(b.work, func(m message) ([]byte, error) { return c.digest(m.body, m.rounds), nil })
	}
	return b
}

// serve starts a goroutine that handles what comes through ch until that is
// closed and drained. A request whose caller has gone is not handled.
func (b *chans) serve(ch chan envelope, do func(message) ([]byte, error)) {
	b.running.Add(1)
	go func() {
		defer b.running.Done()
		for e := range ch {
			if e.reply == nil {
				_, _ = do(e.msg)
				b.counters.handled.Add(1)
				continue
			}
			if err := e.ctx.Err(); err != nil {
				e.reply <- result{err: err}
			} else {
				v, err := do(e.msg)
				e.reply <- result{v, err}
			}
			b.counters.answered.Add(1)
		}
	}()
}

// push refuses instead of waiting, so that it holds the lock for a moment only.
func (b *chans) push(ch chan envelope, e envelope, accepted *atomic.Uint64) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return server.ErrServerClosed
	}
	select {
	case ch <- e:
		accepted.Add(1)
		return nil
	default:
		return dispatcher.ErrQueueFull
	}
}

func (b *chans) request(ctx context.Context, m message) ([]byte, error) {
	if b.inflight != nil {
		select {
		case b.inflight <- struct{}{}:
			defer func() { <-b.inflight }()
		default:
			return nil, dispatcher.ErrInFlight
		}
	}
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	ch := b.owner
	if m.op == opDigest {
		ch = b.work
	}
	e := envelope{ctx, m, make(chan result, 1)}
	if err := b.push(ch, e, &b.counters.accepted); err != nil {
		return nil, err
	}
	select {
	case r := <-e.reply:
		return r.value, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *chans) command(ctx context.Context, m message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.push(b.owner, envelope{ctx: ctx, msg: m}, &b.counters.commands)
}

// shutdown closes the channels, which the goroutines then drain.
func (b *chans) shutdown(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.owner)
		close(b.work)
	}
	b.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		b.running.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *chans) stats() stats {
	return stats{
		accepted: b.counters.accepted.Load(),
		answered: b.counters.answered.Load(),
		commands: b.counters.commands.Load(),
		handled:  b.counters.handled.Load(),
	}
}
