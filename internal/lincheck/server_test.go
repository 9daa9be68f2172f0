//go:build yieldhooks

package lincheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// What is asked of a counter behind a server. A request is answered with the
// counter's value.
type counterOp uint8

const (
	get counterOp = iota
	add
	swap    // set; answered with the value before
	command // add, and no answer
	shutdown
	abort // Close
)

type counterIn struct {
	op   counterOp
	n    int
	done *handled
}

// handled is filled in by the handler: what an operation whose caller did not
// learn it has come to.
type handled struct {
	times int
	begin int64 // of the call, if the round notes it
	at    int64
}

type counterOut struct {
	value int
	err   error // nil, errGone or errRefused
}

var (
	errGone    = errors.New("the caller left") // with effect, or without
	errRefused = errors.New("refused, for closed")
)

type counterState struct {
	value  int
	closed bool
}

// counterModel is a counter with Close. After it there are refusals only.
var counterModel = porcupine.Model{
	Init: func() any { return counterState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(counterState), input.(counterIn), output.(counterOut)
		if in.op >= shutdown {
			return true, counterState{s.value, true}
		}
		if out.err == errRefused {
			return s.closed, s
		}
		next := counterState{value: s.value}
		answer := s.value
		switch in.op {
		case add, command:
			next.value += in.n
			answer = next.value
		case swap:
			next.value = in.n
		}
		// Nobody heard the answer to a command, or to a request that was left.
		heard := in.op != command && out.err == nil
		return !s.closed && (!heard || out.value == answer), next
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(counterIn), output.(counterOut)
		name := [...]string{"Get", "Add", "Swap", "Command", "Shutdown", "Close"}[in.op]
		return fmt.Sprintf("%s(%d): %d, %v", name, in.n, out.value, out.err)
	},
}

// handledAt is when the handler was done with op. Then comes the end, and then the
// refusals.
func handledAt(op porcupine.Operation) int64 {
	in := op.Input.(counterIn)
	switch {
	case in.op >= shutdown:
		return math.MaxInt64 - 1
	case op.Output.(counterOut).err == errRefused:
		return math.MaxInt64
	}
	return in.done.at
}

// counter is the handler. It is no more synchronized than a server allows.
type counter struct {
	h     *history
	value int
	slow  bool // by a planted bug that needs it
}

func (c *counter) handle(in counterIn) int {
	before := c.value
	if c.slow {
		runtime.Gosched()
	}
	switch in.op {
	case add, command:
		c.value = before + in.n
		before = c.value
	case swap:
		c.value = in.n
	}
	in.done.times++
	in.done.at = c.h.now()
	return before
}

func (c *counter) funcs() server.Funcs[counterIn, int] {
	return server.Funcs[counterIn, int]{
		Request: func(_ context.Context, in counterIn) (int, error) { return c.handle(in), nil },
		Command: func(_ context.Context, in counterIn) error { c.handle(in); return nil },
	}
}

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// useServer is one round: clients send requests and commands, some of which they
// leave, and one ends the server in the middle.
func useServer(t *testing.T, seed int, opts server.Options, slow bool) *history {
	t.Helper()
	const n, each = 5, 16
	h := &history{step: handledAt}
	c := &counter{h: h, slow: slow}
	opts.Logger = silent
	s, err := server.New(c.funcs(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var ds [n]*dispatcher.Dispatcher[counterIn, int] // clients are spread over the lanes
	for i := range ds {
		if ds[i], err = dispatcher.New(s, dispatcher.Options{Lane: i % max(opts.Lanes, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()

	// An operation whose caller did not wait for its effect lasts, for the
	// model, until that effect. What that was is known when the server is done.
	type open struct {
		client int
		in     counterIn
		call   int64
		out    counterOut
		ret    int64
	}
	var all [n][]open
	clients(t, n, uint64(seed), func(client int, rnd *rand.Rand) {
		for i := range each {
			in := counterIn{op: counterOp(rnd.IntN(int(shutdown))), n: client*each + i + 1, done: new(handled)}
			if client == seed%n && i == each/2 {
				in.op = shutdown + counterOp(seed/n%2)
			}
			o := open{client: client, in: in, call: h.now()}
			o.out = send(s, ds[client], in, rnd)
			o.ret = h.now()
			all[client] = append(all[client], o)
		}
	})
	<-s.Done()
	if err := <-ran; err != nil {
		t.Errorf("seed %d: Run: %v", seed, err)
	}
	for _, os := range all {
		for _, o := range os {
			times := o.in.done.times
			refused := o.in.op >= shutdown || o.out.err == errRefused
			switch {
			case times > 1:
				t.Errorf("seed %d: handled %d times: %v", seed, times, counterModel.DescribeOperation(o.in, o.out))
			case refused && times != 0:
				t.Errorf("seed %d: refused and handled: %v", seed, counterModel.DescribeOperation(o.in, o.out))
			case o.out.err == nil && o.in.op < command && times == 0:
				t.Errorf("seed %d: answered and not handled: %v", seed, counterModel.DescribeOperation(o.in, o.out))
			case !refused && times == 0:
				continue // accepted, and then dropped by Close or its caller: no effect
			}
			h.add(o.client, o.in, o.call, o.out, max(o.ret, o.in.done.at))
		}
	}
	return h
}

func send(s *server.Server[counterIn, int], d *dispatcher.Dispatcher[counterIn, int], in counterIn, rnd *rand.Rand) (out counterOut) {
	ctx := context.Background()
	hasty := rnd.IntN(4) == 0
	if hasty {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		yields := rnd.IntN(8)
		go func() {
			for range yields {
				runtime.Gosched()
			}
			cancel()
		}()
	}
	switch in.op {
	case command:
		out.err = d.Send(ctx, in)
	case shutdown:
		out.err = s.Shutdown(context.Background())
	case abort:
		out.err = s.Close()
	default:
		out.value, out.err = d.Request(ctx, in)
	}
	switch {
	case errors.Is(out.err, server.ErrServerClosed):
		out.err = errRefused
	case hasty && errors.Is(out.err, context.Canceled):
		out.err = errGone
	}
	return out
}

func TestServer(t *testing.T) {
	small := queue.Options{Capacity: 2}
	for name, opts := range map[string]server.Options{
		"auto":          {Queue: small},
		"always":        {Queue: small, CallerRuns: server.CallerRunsAlways},
		"batch":         {Queue: small, CallerRuns: server.CallerRunsAlways, Batch: 1},
		"never":         {Queue: small, CallerRuns: server.CallerRunsNever},
		"lanes":         {Queue: small, Lanes: 3},
		"lanes, never":  {Queue: small, Lanes: 2, CallerRuns: server.CallerRunsNever},
		"lanes, always": {Queue: small, Lanes: 2, CallerRuns: server.CallerRunsAlways},
		"chan":          {Queue: queue.Options{Capacity: 2, Backend: queue.BackendChan}},
	} {
		t.Run(name, func(t *testing.T) {
			var n tally
			for seed := range *seeds {
				n.legal(t, seed, counterModel, useServer(t, seed, opts, false))
			}
			t.Log(&n)
		})
	}
}

// A server whose handler calls overlap, and a handler that minds that, are found.
func TestPlantedServer(t *testing.T) {
	if testx.Race {
		t.Skip("the race detector finds it first")
	}
	var n tally
	for seed := range *seeds / 10 {
		n.check(counterModel, useServer(t, seed, server.Options{Concurrency: 4, Queue: queue.Options{Capacity: 2}}, true))
	}
	t.Log(&n)
	if n.illegal == 0 {
		t.Error("none is illegal")
	}
}
