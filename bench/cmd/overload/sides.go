package main

import (
	"context"
	"errors"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// side is a server that is asked.
type side struct {
	request func(ctx context.Context, n uint64) (uint64, error)
	stop    func() error
}

type contestant struct {
	name, about string
	start       func(w worker) (*side, error)
}

// errFull is how a channel refuses.
var errFull = errors.New("channel full")

// The queue of messages, where nothing else is said: queue.DefaultCapacity.
const capacity = 1024

const (
	shedTarget = 2 * time.Millisecond
	shortQueue = 32
)

var contestants = []contestant{
	{"channel", "the idiom: a channel with room for 1024 envelopes, each with a reply channel, and a select on the ctx at both of the caller's ends",
		func(w worker) (*side, error) { return newChannel(w, capacity, false, false), nil }},
	{"channel-ctx", "the same, and the server does not handle a request whose ctx has ended",
		func(w worker) (*side, error) { return newChannel(w, capacity, false, true), nil }},
	{"channel-reject", "channel-ctx that refuses when the channel is full",
		func(w worker) (*side, error) { return newChannel(w, capacity, true, true), nil }},
	{"channel-reject-32", "the same with room for 32, as sparkpipe-oldest has",
		func(w worker) (*side, error) { return newChannel(w, shortQueue, true, true), nil }},
	{"sparkpipe", "the defaults, without any option against overload",
		func(w worker) (*side, error) { return newPipe(w, server.Options{}) }},
	{"sparkpipe-oldest", "DropOldest, and a queue of 32",
		func(w worker) (*side, error) {
			return newPipe(w, server.Options{DropOldest: true, Queue: queue.Options{Capacity: shortQueue}})
		}},
	{"sparkpipe-shed", "Shed with a Target of 2 ms",
		func(w worker) (*side, error) {
			return newPipe(w, server.Options{Shed: server.ShedOptions{Target: shedTarget}})
		}},
}

type result struct {
	n   uint64
	err error
}

type envelope struct {
	ctx   context.Context
	n     uint64
	reply chan result // with room for one
}

// newChannel is what people write by hand.
func newChannel(w worker, room int, reject, look bool) *side {
	ch := make(chan envelope, room)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range ch {
			if look && e.ctx.Err() != nil {
				continue
			}
			e.reply <- result{n: w.do(e.n)}
		}
	}()
	return &side{
		request: func(ctx context.Context, n uint64) (uint64, error) {
			e := envelope{ctx, n, make(chan result, 1)}
			if reject {
				select {
				case ch <- e:
				default:
					return 0, errFull
				}
			} else {
				select {
				case ch <- e:
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
			select {
			case r := <-e.reply:
				return r.n, r.err
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		},
		stop: func() error {
			close(ch)
			<-done
			return nil
		},
	}
}

func newPipe(w worker, opts server.Options) (*side, error) {
	s, err := server.New[uint64, uint64](server.Funcs[uint64, uint64]{
		Request: func(_ context.Context, n uint64) (uint64, error) { return w.do(n), nil },
	}, opts)
	if err != nil {
		return nil, err
	}
	d, err := dispatcher.New(s, dispatcher.Options{})
	if err != nil {
		return nil, err
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	return &side{
		request: d.Request,
		stop:    func() error { return errors.Join(s.Shutdown(context.Background()), <-ran) },
	}, nil
}
