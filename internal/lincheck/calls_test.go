//go:build yieldhooks

package lincheck

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// target is what the dispatcher of a round sends to: a server, or one with a
// planted bug.
type target interface {
	queue.Pusher[dispatcher.Envelope[counterIn, int]]
	Run(ctx context.Context) error
	Shutdown(ctx context.Context) error
	Close() error
	Done() <-chan struct{}
}

// plan is what a round is made of.
type plan struct {
	opts  dispatcher.Options
	serve func(c *locked) (target, error)
}

// onServer is a plan with a real server.
func onServer(so server.Options, do dispatcher.Options) plan {
	so.Logger = silent
	return plan{do, func(c *locked) (target, error) {
		return server.New(server.Funcs[counterIn, int]{
			Request: func(_ context.Context, in counterIn) (int, error) { return c.handle(in), nil },
			Command: func(_ context.Context, in counterIn) error { c.handle(in); return nil },
		}, so)
	}}
}

// locked is a counter for handler calls that may overlap: each is one step.
type locked struct {
	counter
	mu      sync.Mutex
	dawdles bool // between its beginning and its step, and after it
}

func (c *locked) handle(in counterIn) int {
	in.done.begin = c.h.now()
	if c.dawdles {
		dawdle(4)
		defer dawdle(4)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counter.handle(in)
}

// dawdle yields at random, up to n times.
func dawdle(n int) {
	for range rand.IntN(n + 1) {
		runtime.Gosched()
	}
}

// asked is one message of a round, from the call of Go to the end of its last
// Wait if it is a Call.
type asked struct {
	client    int
	in        counterIn
	call, ret int64
	accepted  int64 // Go has returned; 0: it was not Go
	value     int
	err       error
	hasty     bool // its ctx ended
	try       bool // it does not wait for room
	changed   bool // a second Wait returned something else
	waiting   *dispatcher.Call[int]
	outcome   error // err, in the words of this package
}

// round is what came of a plan.
type round struct {
	plan
	target   target
	d        *dispatcher.Dispatcher[counterIn, int]
	h        *history // of the counter, when the round is over
	places   *history // of the places in flight
	all      [roundClients][]*asked
	aborted  bool
	problems []string
}

const (
	roundClients = 5
	roundEach    = 14
)

// play plays a round: clients send requests, calls, batches and commands, some of
// which they leave, and one ends the target in the middle.
func play(t *testing.T, seed int, p plan) *round {
	t.Helper()
	h := &history{step: handledAt}
	c := &locked{counter: counter{h: h}, dawdles: seed%2 == 0}
	to, err := p.serve(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dispatcher.New(to, p.opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &round{plan: p, target: to, d: d, h: h, places: new(history), aborted: seed/roundClients%2 == 1}
	ran := make(chan error, 1)
	go func() { ran <- to.Run(context.Background()) }()
	clients(t, roundClients, uint64(seed), func(client int, rnd *rand.Rand) {
		r.client(client, client == seed%roundClients, rnd)
	})
	<-to.Done()
	if err := <-ran; err != nil {
		t.Errorf("seed %d: Run: %v", seed, err)
	}
	for _, os := range r.all {
		for _, o := range os {
			r.settle(o)
		}
	}
	return r
}

// client does what one client does.
func (r *round) client(client int, ends bool, rnd *rand.Rand) {
	ask := func() *asked {
		i := len(r.all[client])
		in := counterIn{op: counterOp(rnd.IntN(int(command))), n: client*roundEach + i + 1, done: new(handled)}
		o := &asked{client: client, in: in}
		r.all[client] = append(r.all[client], o)
		return o
	}
	var open []*asked
	closed := 0
	for len(r.all[client]) < roundEach && closed < 2 {
		if len(open) > 0 && rnd.IntN(3) == 0 {
			k := rnd.IntN(len(open))
			if o := open[k]; r.wait(o, rnd) {
				open = append(open[:k], open[k+1:]...)
			}
			continue
		}
		o := ask()
		ctx, hasty := hastily(rnd)
		o.hasty = hasty
		o.call = r.h.now()
		switch kind := rnd.IntN(8); {
		case ends && len(r.all[client]) > roundEach*2/3:
			ends = false
			o.in.op = shutdown
			end := func() error { return r.target.Shutdown(context.Background()) }
			if r.aborted {
				o.in.op, end = abort, r.target.Close
			}
			o.err = end()
		case kind < 2:
			o.in.op = command
			if o.try = kind == 0; o.try {
				o.err = r.d.TrySend(o.in)
			} else {
				o.err = r.d.Send(ctx, o.in)
			}
		case kind < 4:
			o.value, o.err = r.d.Request(ctx, o.in)
		case kind < 7 || r.rejects():
			if o.waiting, o.err = r.d.Go(ctx, o.in); o.err == nil {
				o.accepted = r.h.now()
				open = append(open, o)
			}
		default:
			r.batch(ctx, o, ask)
			continue
		}
		o.ret = r.h.now()
		if errors.Is(o.err, dispatcher.ErrClosed) {
			closed++
		}
	}
	for _, o := range open {
		for !r.wait(o, rnd) {
		}
	}
}

// rejects reports whether requests are refused because of others in flight. Then
// there are no batches: a batch knows that the queue is closed, and does not even
// ask for a place, and for the places of others it is to be known who had one.
func (r *round) rejects() bool {
	return r.opts.MaxInFlight > 0 && r.opts.Overflow == dispatcher.Reject
}

// batch sends some requests at once.
func (r *round) batch(ctx context.Context, first *asked, ask func() *asked) {
	os := []*asked{first}
	for len(os) < 3 && len(r.all[first.client]) < roundEach {
		o := ask()
		o.call, o.hasty = first.call, first.hasty
		os = append(os, o)
	}
	reqs, out := make([]counterIn, len(os)), make([]dispatcher.Result[int], len(os))
	for i, o := range os {
		reqs[i] = o.in
	}
	_ = r.d.RequestAll(ctx, reqs, out) // it stands in out
	ret := r.h.now()
	for i, o := range os {
		o.value, o.err, o.ret = out[i].Value, out[i].Err, ret
	}
}

// wait waits for a Call, and reports whether it has its outcome.
func (r *round) wait(o *asked, rnd *rand.Rand) bool {
	ctx, hasty := hastily(rnd)
	value, err := o.waiting.Wait(ctx)
	if hasty && errors.Is(err, context.Canceled) && !o.waiting.Ready() {
		return false // it was the wait that ended
	}
	o.value, o.err = o.waiting.Wait(context.Background())
	o.ret = r.h.now()
	o.changed = err == nil && (o.err != nil || value != o.value)
	return true
}

// hastily returns a ctx that ends soon, now and then.
func hastily(rnd *rand.Rand) (context.Context, bool) {
	if rnd.IntN(4) != 0 {
		return context.Background(), false
	}
	ctx, cancel := context.WithCancel(context.Background())
	yields := rnd.IntN(8)
	go func() {
		for range yields {
			runtime.Gosched()
		}
		cancel()
	}()
	return ctx, true
}
