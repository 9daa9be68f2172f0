package server_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// full returns a server that is stuck until release is called, with DropOldest and a
// full queue of n, whose hook is called with what is evicted. d refuses at once
// where it would wait, waits does not.
func full(t *testing.T, m mode, n int, hook func(cmd int)) (s srv, d, waits disp, release func()) {
	released := make(chan struct{})
	m.opts.DropOldest = true
	m.opts.Queue.Capacity = n
	m.opts.OnCommandError = func(cmd any, err error) {
		if err == dispatcher.ErrShed {
			hook(cmd.(int))
		}
	}
	entered := make(chan struct{}, 64)
	s, waits = start(t, funcs(func(context.Context, int) (int, error) {
		entered <- struct{}{}
		<-released
		return 0, nil
	}), m.opts, dispatcher.Options{})
	d, err := dispatcher.New(s, dispatcher.Options{Overflow: dispatcher.Reject})
	require.NoError(t, err)
	for i := 0; i < max(1, m.opts.Concurrency); i++ {
		require.NoError(t, waits.Send(context.Background(), i))
		testx.Recv(t, entered)
	}
	for i := 0; i < s.Stats().Queue.Cap/max(1, m.opts.Lanes); i++ {
		require.NoError(t, waits.Send(context.Background(), i))
	}
	return s, d, waits, func() { close(released) }
}

// A hook that sends what was evicted to the server again leaves no room for the
// message that made it. Its sender still returns: refused, or when its ctx ends.
func TestDropOldestWithAHookThatSends(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var again atomic.Pointer[dispatcher.Dispatcher[int, int]]
		s, d, waits, release := full(t, m, 4, func(cmd int) {
			if d := again.Load(); d != nil {
				d.Send(context.Background(), cmd)
			}
		})
		again.Store(waits)
		within(t, "a Send that does not wait", func() {
			require.ErrorIs(t, d.Send(context.Background(), 9), dispatcher.ErrQueueFull)
		})
		within(t, "a Send that does", func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, waits.Send(ctx, 9), context.DeadlineExceeded)
			ctx, cancel = context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			n, err := waits.SendAll(ctx, []int{9, 9})
			require.Zero(t, n)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		again.Store(nil)
		require.NoError(t, d.Send(context.Background(), 9))
		release()
		require.NoError(t, s.Shutdown(context.Background()))
		requireAccounts(t, s)
	})
}

// Who waits for room that a hook has taken is woken when another sender made some
// and was ended by the hook.
func TestWaitingBehindAHookThatSends(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		const resend, exit, leave = 1, 2, 3
		var what atomic.Int32
		var again disp
		s, d, waits, release := full(t, m, 2, func(cmd int) {
			switch what.Load() {
			case resend:
				again.Send(context.Background(), cmd)
			case exit:
				what.Store(leave)
				runtime.Goexit()
			}
		})
		again = waits
		what.Store(resend)
		sent := testx.Park(t, func() error { return waits.Send(context.Background(), 9) })
		what.Store(exit)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.Send(context.Background(), 10)
		}()
		testx.Recv(t, ended)
		require.NoError(t, testx.Recv(t, sent))
		release()
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// A hook that ends the goroutine of a sender leaves its place in flight free.
func TestGoexitInTheHookKeepsNoPlace(t *testing.T) {
	for name, send := range map[string]func(d disp){
		"Request":    func(d disp) { d.Request(context.Background(), 9) },
		"Go":         func(d disp) { d.Go(context.Background(), 9) },
		"RequestAll": func(d disp) { d.RequestAll(context.Background(), []int{9}, make([]dispatcher.Result[int], 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			var exit atomic.Bool
			s, _, _, release := full(t, mode{}, 2, func(int) {
				if exit.CompareAndSwap(true, false) {
					runtime.Goexit()
				}
			})
			defer release()
			d, err := dispatcher.New(s, dispatcher.Options{MaxInFlight: 1, Overflow: dispatcher.Reject})
			require.NoError(t, err)
			exit.Store(true)
			ended := make(chan struct{})
			go func() { defer close(ended); send(d) }()
			testx.Recv(t, ended)
			require.False(t, exit.Load())
			_, err = d.Go(context.Background(), 10)
			require.NoError(t, err, "nothing is in flight")
		})
	}
}

// A hook that first takes the room of who made it, so that senders wait, and then
// ends one that waits: the others are woken all the same.
func TestGoexitInTheHookOfOneThatWaits(t *testing.T) {
	for _, m := range []mode{{"auto", server.Options{}}, {"lanes", server.Options{Lanes: 2}}} {
		t.Run(m.name, func(t *testing.T) {
			var exit atomic.Bool
			var exits atomic.Int32
			var again disp
			s, d, waits, release := full(t, m, 2, func(cmd int) {
				if exits.Load() == 2 {
					return
				}
				again.Send(context.Background(), cmd)
				if exit.Load() {
					exits.Add(1)
					runtime.Goexit()
				}
			})
			again = waits
			first := make(chan struct{})
			testx.Park(t, func() error { defer close(first); return waits.Send(context.Background(), 9) })
			second := testx.Park(t, func() error { return waits.Send(context.Background(), 9) })
			exit.Store(true)
			ended := make(chan struct{})
			go func() { defer close(ended); d.Send(context.Background(), 10) }()
			testx.Recv(t, ended)
			testx.Recv(t, first) // woken by the end of that one, and ended in its turn
			release()
			require.NoError(t, testx.Recv(t, second))
			require.NoError(t, s.Shutdown(context.Background()))
		})
	}
}
