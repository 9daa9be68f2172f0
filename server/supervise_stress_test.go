package server_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// mortal is a handler that fails now and then, and notes that each message came
// to it. Its state is not synchronised.
type mortal struct {
	serial  bool
	dead    bool
	handled []atomic.Int32
	used    atomic.Bool // after its death, though it is serial
}

func (h *mortal) HandleRequest(_ context.Context, id int) (int, error) {
	if id < 0 {
		return id, nil
	}
	h.handled[id].Add(1)
	if h.Offload(id) {
		if id%4 == 0 {
			panic(id)
		}
		return id, nil
	}
	if h.serial && h.dead {
		h.used.Store(true)
	}
	switch id % 7 {
	case 0:
		if h.serial {
			h.dead = true
		}
		panic(id)
	case 1:
		if h.serial {
			h.dead = true
		}
		runtime.Goexit()
	}
	return id, nil
}

func (h *mortal) HandleCommand(ctx context.Context, id int) error {
	_, err := h.HandleRequest(ctx, id)
	return err
}

func (h *mortal) Offload(id int) bool { return id%5 == 0 }

// Failures, restarts, failures of restarts, and the end of the server at a
// random moment: each message that was accepted comes to one handler once, or is
// refused by name, and no handler is given a message after it has failed, but by
// calls that were under way beside the one that failed.
func TestRestartStorm(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		rounds := scaled(400)
		t.Logf("%d rounds", rounds)
		p := newPool(t, pool.Options{Workers: 2, QueueSize: 2})
		m.opts.Pool = p
		restarts, inline := uint64(0), uint64(0)
		for round := 0; round < rounds && !t.Failed(); round++ {
			st := restartRound(t, m, round)
			restarts += st.Restarts
			inline += st.Inline
		}
		t.Logf("%d restarts, %d inline", restarts, inline)
		require.Positive(t, restarts)
	})
}

func restartRound(t *testing.T, m mode, round int) server.Stats {
	const senders, each = 4, 12
	handled := make([]atomic.Int32, senders*each)
	var refused [senders * each]atomic.Int32
	var mortals []*mortal
	build := func() (server.Handler[int, int], error) { // one at a time
		h := &mortal{serial: m.serial(), handled: handled}
		mortals = append(mortals, h)
		switch len(mortals) % 5 {
		case 3:
			return nil, errTest
		case 4:
			panic(errTest)
		}
		return h, nil
	}
	opts := server.RestartOptions{Max: -1, Within: time.Hour, Backoff: -1}
	if round%5 == 0 {
		opts.Max = 6
	}
	if round%3 == 0 {
		opts.Backoff, opts.MaxBackoff = 10*time.Microsecond, 20*time.Microsecond
	}
	h, err := server.Supervise(build, opts)
	require.NoError(t, err)
	m.opts.Queue.Capacity = 2 << (round % 4)
	m.opts.OnCommandError = func(cmd any, err error) {
		if errors.Is(err, server.ErrServerClosed) || errors.Is(err, dispatcher.ErrOverloaded) || errors.Is(err, queue.ErrClosed) {
			refused[cmd.(int)].Add(1)
		}
	}
	s, d := newServer(t, h, m.opts, dispatcher.Options{})
	ds := spread(t, s, d, dispatcher.Options{})
	runCtx, endRun := context.WithCancel(context.Background())
	defer endRun()
	ran := make(chan error, 1)
	go func() { ran <- s.Run(runCtx) }()

	if (m.name == "auto" || m.name == "lanes") && round%2 == 0 {
		prove(t, s, d, -1) // so that callers run some of it
	}
	var accepted [senders * each]atomic.Bool
	fs := testx.Times(senders*each, func(id int) {
		d := ds[id%len(ds)]
		for n := rand.IntN(100); n > 0; n-- {
			runtime.Gosched()
		}
		if (id/7+round)%2 == 0 {
			if d.Send(context.Background(), id) == nil {
				accepted[id].Store(true)
			}
			return
		}
		accepted[id].Store(true)
		var p *server.PanicError
		got, err := d.Request(context.Background(), id) // a Goexit may end this goroutine
		switch {
		case err == nil && got == id:
		case errors.As(err, &p) && p.Value == id:
		case err == server.ErrGoexit && id%7 == 1:
		case errors.Is(err, server.ErrServerClosed) || errors.Is(err, server.ErrPoolFull):
			refused[id].Add(1)
		default:
			t.Errorf("request %d: %v, %v", id, got, err)
		}
	})
	fs = append(fs, func() {
		for n := rand.IntN(500); n > 0; n-- {
			runtime.Gosched()
		}
		switch round % 4 {
		case 0:
			s.Close()
		case 1:
			endRun()
		default:
			s.Shutdown(context.Background())
		}
	})
	testx.Join(t, fs...)
	err = testx.Recv(t, ran)
	if err != nil && !errors.Is(err, server.ErrTooManyRestarts) && !(round%4 == 1 && errors.Is(err, context.Canceled)) {
		t.Errorf("Run: %v", err)
	}
	for id := range accepted {
		want := int32(0)
		if accepted[id].Load() {
			want = 1
		}
		if h, r := handled[id].Load(), refused[id].Load(); h+r != want {
			t.Errorf("message %d: accepted %v, handled %d, refused %d", id, want == 1, h, r)
		}
	}
	for i, h := range mortals {
		if h.used.Load() {
			t.Errorf("handler %d was used after it had failed", i)
		}
	}
	st := audit(t, s, ds...)
	if round%4 > 1 && err == nil && st.Refused > 0 {
		t.Errorf("Shutdown did not handle all that was accepted: %+v", st)
	}
	return st
}
