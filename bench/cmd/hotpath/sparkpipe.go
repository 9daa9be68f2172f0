package main

import (
	"context"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// handler is a store as a server.Handler, which chooses digests for the pool.
type handler struct {
	*store
	digest func(body []byte, rounds int) []byte
}

func (h *handler) HandleRequest(_ context.Context, m message) ([]byte, error) {
	if m.op == opDigest {
		return h.digest(m.body, m.rounds), nil // on a worker: it must not touch the store
	}
	return h.do(m)
}

func (h *handler) HandleCommand(_ context.Context, m message) error {
	_, err := h.do(m)
	return err
}

func (h *handler) Offload(m message) bool { return m.op == opDigest }

// sparkpipe is the backend this program is there to show.
type sparkpipe struct {
	pool *pool.Pool
	srv  *server.Server[message, []byte]
	d    *dispatcher.Dispatcher[message, []byte]
}

func startSparkpipe(c config) (*sparkpipe, error) {
	p, err := pool.New(pool.Options{Name: "hotpath", Workers: c.workers, QueueSize: c.queue})
	if err != nil {
		return nil, err
	}
	srv, err := server.New(&handler{newStore(), c.digest}, server.Options{
		Name:  "hotpath",
		Queue: queue.Options{Capacity: c.queue},
		Pool:  p,
	})
	if err != nil {
		return nil, err
	}
	d, err := dispatcher.New(srv, dispatcher.Options{
		Timeout:     c.timeout,
		MaxInFlight: c.inflight,
		Overflow:    dispatcher.Reject,
	})
	if err != nil {
		return nil, err
	}
	// Not with the ctx that a signal ends: that would be Close. Signals lead to
	// shutdown, which handles what was accepted.
	go srv.Run(context.Background())
	return &sparkpipe{p, srv, d}, nil
}

func (b *sparkpipe) request(ctx context.Context, m message) ([]byte, error) {
	return b.d.Request(ctx, m)
}

func (b *sparkpipe) command(ctx context.Context, m message) error {
	return b.d.Send(ctx, m)
}

// shutdown ends the server before the pool that it offloads to.
func (b *sparkpipe) shutdown(ctx context.Context) error {
	if err := b.srv.Shutdown(ctx); err != nil {
		return err
	}
	return b.pool.Shutdown(ctx)
}

// stats takes what was queued from the dispatcher, and what became of it from
// the server: two sides that do not share a counter. What ran on its caller was
// never queued, and is counted by the server only. Only requests are
// offloaded, and nothing calls Close, so that Refused and PoolFull count
// requests, too.
func (b *sparkpipe) stats() stats {
	d, s := b.d.Stats(), b.srv.Stats()
	return stats{
		accepted: s.Inline + d.Queued,
		answered: s.Inline + s.Requests + s.Expired + s.Refused + s.NotOffloaded + s.PoolFull,
		commands: d.Commands,
		handled:  s.Commands,
	}
}
