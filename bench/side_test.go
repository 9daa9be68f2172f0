package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

type message struct{ key, value uint64 }

type answer struct{ key, value uint64 }

type result = dispatcher.Result[answer]

// state is what the handler owns, on all sides.
type state struct {
	sum, x uint64
	work   int       // steps of burn for each message
	_      [104]byte // so that nobody else writes to its cache lines
}

func (s *state) ask(m message) answer {
	if s.work > 0 {
		s.x = burn(s.work, s.x|1)
	}
	s.sum += m.value
	return answer{m.key, s.sum}
}

// side is one way to reach the handler: all contestants stand behind it. What
// a side has no way to do is nil.
type side struct {
	request    func(context.Context, message) (answer, error)
	send       func(context.Context, message) error
	sendAll    func(context.Context, []message) error
	requestAll func(context.Context, []message, []result) error

	// pipeline sends requests with the values lo+1 to hi, window of them under
	// way at a time, and returns how many went wrong.
	pipeline func(ctx context.Context, lo, hi int) int

	// stop ends the side when all that was sent is handled, and returns the
	// handler's sum.
	stop func() uint64
}

// setup is what a benchmark asks of a side.
type setup struct {
	work    int           // steps of burn in the handler
	timeout time.Duration // of each request; 0: none
}

// contestant makes sides.
type contestant struct {
	name string
	make func(testing.TB, setup) *side
}

// new returns a side that has handled some requests, so that it has what it
// keeps for later and, if it is sparkpipe, knows how fast the handler is.
func (c contestant) new(tb testing.TB, s setup) *side {
	sd := c.make(tb, s)
	for i := 0; i < 64; i++ {
		_, err := sd.request(context.Background(), message{})
		require.NoError(tb, err)
	}
	return sd
}

// run runs a benchmark for each contestant, with a ctx that can be cancelled.
func run(b *testing.B, name string, cs []contestant, s setup, f func(*testing.B, context.Context, *side)) {
	for _, c := range cs {
		b.Run(name+"/impl="+c.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			f(b, ctx, c.new(b, s))
		})
	}
}

var (
	bare = contestant{"idiom", overIdiom(func(d *idiom, s *side) {
		s.request, s.send, s.sendAll = d.plain, d.sendBare, each(d.sendBare)
		s.requestAll, s.pipeline = collect(d.startBare, d.awaitBare), pipelined(d.startBare, d.awaitBare)
	})}
	withCtx = contestant{"idiom-ctx", overIdiom(func(d *idiom, s *side) {
		s.request, s.send, s.sendAll = d.withCtx, d.sendCtx, each(d.sendCtx)
		s.requestAll, s.pipeline = collect(d.start, d.await), pipelined(d.start, d.await)
	})}
	serial = contestant{"idiom-serial", overIdiom(func(d *idiom, s *side) {
		s.request, s.requestAll = d.plain, oneByOne(d.plain)
	})}
	shared      = contestant{"idiom-shared", overIdiom(func(d *idiom, s *side) { s.request, s.requestAll = d.plain, d.collectBare })}
	sharedCtx   = contestant{"idiom-ctx-shared", overIdiom(func(d *idiom, s *side) { s.request, s.requestAll = d.withCtx, d.collectCtx })}
	batchBare   = contestant{"idiom-batch", overBatched(func(d *batched, s *side) { s.requestAll, s.sendAll = d.ask, d.send })}
	batchCtx    = contestant{"idiom-ctx-batch", overBatched(func(d *batched, s *side) { s.requestAll, s.sendAll = d.askCtx, d.sendCtx })}
	pooled      = contestant{"idiom-pooled", overIdiom(func(d *idiom, s *side) { s.request, s.pipeline = d.pooled, d.keeping })}
	ctxPooled   = contestant{"idiom-ctx-pooled", overIdiom(func(d *idiom, s *side) { s.request = d.withCtxPooled })}
	withTimeout = contestant{"idiom-timeout", overIdiom(func(d *idiom, s *side) { s.request = d.withTimeout })}
	withTimer   = contestant{"idiom-timer", overIdiom(func(d *idiom, s *side) { s.request = d.withTimer })}
	floor       = contestant{"mutex", overMutex}
	callerAuto  = contestant{"sparkpipe", overSparkpipe(server.CallerRunsAuto)}
	always      = contestant{"sparkpipe-always", overSparkpipe(server.CallerRunsAlways)}
	never       = contestant{"sparkpipe-never", overSparkpipe(server.CallerRunsNever)}
	sliced      = contestant{"sparkpipe-slices", overSlices}
)

func overSparkpipe(mode server.CallerRuns) func(testing.TB, setup) *side {
	return func(tb testing.TB, s setup) *side {
		st := state{work: s.work}
		srv, err := server.New[message, answer](server.Funcs[message, answer]{
			Request: func(_ context.Context, m message) (answer, error) { return st.ask(m), nil },
			Command: func(_ context.Context, m message) error { st.ask(m); return nil },
		}, server.Options{CallerRuns: mode})
		require.NoError(tb, err)
		d, err := dispatcher.New(srv, dispatcher.Options{Timeout: s.timeout})
		require.NoError(tb, err)
		go srv.Run(context.Background())
		return &side{
			request:    d.Request,
			send:       d.Send,
			sendAll:    func(ctx context.Context, ms []message) error { _, err := d.SendAll(ctx, ms); return err },
			requestAll: d.RequestAll,
			pipeline:   pipelined(d.Go, (*dispatcher.Call[answer]).Wait),
			stop: func() uint64 {
				require.NoError(tb, srv.Shutdown(context.Background()))
				return st.sum
			},
		}
	}
}

// locked is the floor for serial state: a lock and a direct call.
type locked struct {
	mu sync.Mutex
	state
}

// request has one defer for all: two cost half as much again.
func (l *locked) request(_ context.Context, m message) (a answer, err error) {
	l.mu.Lock()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
		l.mu.Unlock()
	}()
	return l.ask(m), nil
}

// safely is request for who has the lock.
func (l *locked) safely(m message) (a answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return l.ask(m), nil
}

func (l *locked) send(ctx context.Context, m message) error {
	_, err := l.request(ctx, m)
	return err
}

func (l *locked) requestAll(_ context.Context, ms []message, out []result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range ms {
		out[i].Value, out[i].Err = l.safely(m)
	}
	return nil
}

func (l *locked) sendAll(_ context.Context, ms []message) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range ms {
		if _, e := l.safely(m); e != nil {
			err = e
		}
	}
	return err
}

// handed is a call that has ended when it is started, as those of locked have.
type handed struct {
	answer
	err error
}

func (h handed) wait(context.Context) (answer, error) { return h.answer, h.err }

func overMutex(_ testing.TB, s setup) *side {
	l := &locked{state: state{work: s.work}}
	start := func(ctx context.Context, m message) (handed, error) {
		a, err := l.request(ctx, m)
		return handed{a, err}, nil
	}
	return &side{
		request: l.request, send: l.send, sendAll: l.sendAll, requestAll: l.requestAll,
		pipeline: pipelined(start, handed.wait),
		stop:     func() uint64 { return l.sum },
	}
}
