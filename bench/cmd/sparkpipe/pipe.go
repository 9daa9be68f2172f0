package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// indexer is the handler: the index, and what to offload.
type indexer struct{ *index }

func (x indexer) HandleRequest(_ context.Context, m message) (answer, error) {
	if m.kind == digest { // on the pool: it must not touch the index
		d, err := work(m.file)
		return answer{digests: d}, err
	}
	return x.handle(m), nil
}

func (x indexer) HandleCommand(_ context.Context, m message) error {
	x.handle(m)
	return nil
}

func (x indexer) Offload(m message) bool { return m.kind == digest }

// pipe is the sparkpipe side.
type pipe struct {
	*dispatcher.Dispatcher[message, answer]
	// heavy sends to the same server, and no more at once than the pool and
	// the backlog before it can hold: then they are never too full.
	heavy *dispatcher.Dispatcher[message, answer]

	server *server.Server[message, answer]
	pool   *pool.Pool
	index  *index
	ran    chan error // what Run returned
}

func newPipe(cfg config) (side, error) {
	p := &pipe{index: newIndex(), ran: make(chan error, 1)}
	var err error
	if p.pool, err = pool.New(pool.Options{Name: "digests", Workers: cfg.workers, QueueSize: cfg.queue}); err != nil {
		return nil, err
	}
	if p.server, err = server.New[message, answer](indexer{p.index}, server.Options{
		Name:  "index",
		Queue: queue.Options{Capacity: cfg.queue},
		Pool:  p.pool,
	}); err != nil {
		return nil, err
	}
	if p.Dispatcher, err = dispatcher.New(p.server, dispatcher.Options{}); err != nil {
		return nil, err
	}
	if p.heavy, err = dispatcher.New(p.server, dispatcher.Options{MaxInFlight: cfg.queue}); err != nil {
		return nil, err
	}
	go func() { p.ran <- p.server.Run(context.Background()) }()
	return p, nil
}

func (p *pipe) request(ctx context.Context, m message) (answer, error) {
	if m.kind == digest {
		return p.heavy.Request(ctx, m)
	}
	return p.Request(ctx, m)
}

func (p *pipe) send(ctx context.Context, m message) error { return p.Send(ctx, m) }

func (p *pipe) shutdown(ctx context.Context) (*index, error) {
	if err := p.server.Shutdown(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(<-p.ran, p.pool.Shutdown(ctx)); err != nil {
		return nil, err
	}
	if st := p.server.Stats(); st.Failed+st.Panicked+st.Refused+st.NotOffloaded+st.PoolFull > 0 {
		return nil, fmt.Errorf("the server counted %d failed, %d panicked, %d refused and %d not offloaded messages, and the pool was full for %d",
			st.Failed, st.Panicked, st.Refused, st.NotOffloaded, st.PoolFull)
	}
	return p.index, nil
}
