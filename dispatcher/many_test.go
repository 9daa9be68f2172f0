package dispatcher_test

import (
	"context"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestRequestAll(t *testing.T) {
	for name, opts := range map[string]dispatcher.Options{
		"plain":           {},
		"few places":      {MaxInFlight: 3, Timeout: time.Hour},
		"few, and reject": {MaxInFlight: 3, Overflow: dispatcher.Reject},
	} {
		t.Run(name, func(t *testing.T) {
			d := served(t, opts) // over a ring of 16
			if opts.Overflow == dispatcher.Block {
				opts.MaxInFlight = 0
			}
			reqs := make([]int, 150)
			for i := range reqs {
				reqs[i] = i
			}
			out := make([]dispatcher.Result[int], 151)
			out[150].Value = 42
			require.NoError(t, d.RequestAll(bg, reqs, out)) // though 13 fails
			for i := range reqs {
				if i == 13 {
					require.Equal(t, errTest, out[i].Err)
					continue
				}
				require.NoError(t, out[i].Err)
				require.Equal(t, -i, out[i].Value)
			}
			require.Equal(t, 42, out[150].Value)
			require.Zero(t, d.Stats().InFlight)
			require.Error(t, d.RequestAll(bg, reqs, out[:149]))
			require.NoError(t, d.RequestAll(bg, nil, nil))
		})
	}
}

// Every result is set, whatever ends the call in the middle.
func TestRequestAllEnds(t *testing.T) {
	for name, want := range map[string]error{
		"ctx":     context.Canceled,
		"closed":  dispatcher.ErrClosed,
		"timeout": dispatcher.ErrTimeout,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			var q ring
			var d disp
			var out []dispatcher.Result[int]
			var done chan error
			answered := func() bool {
				q = newRing(t, 2)
				opts := dispatcher.Options{}
				if name == "timeout" {
					opts.Timeout = 10 * time.Millisecond
				}
				d = newDispatcher(t, q, opts)
				out = make([]dispatcher.Result[int], 10)
				for i := range out {
					out[i].Value = 99
				}
				done = make(chan error, 1)
				go func(d disp, out []dispatcher.Result[int], done chan<- error) {
					done <- d.RequestAll(ctx, make([]int, 10), out)
				}(d, out, done)
				e, err := q.Pop(bg)
				require.NoError(t, err)
				return e.Reply(7, nil)
			}
			for !answered() {
				// It took longer than the Timeout to get here.
				require.Equal(t, "timeout", name)
				require.ErrorIs(t, <-done, want)
			}
			switch name {
			case "ctx":
				cancel()
			case "closed":
				q.Close()
				for { // what was accepted is drained, as a server does
					e, err := q.Pop(bg)
					if err != nil {
						break
					}
					var zero int
					e.Reply(zero, dispatcher.ErrClosed)
				}
			}
			require.ErrorIs(t, <-done, want)
			require.Equal(t, dispatcher.Result[int]{Value: 7}, out[0])
			for _, r := range out[1:] {
				require.ErrorIs(t, r.Err, want)
				require.Zero(t, r.Value)
			}
			require.Zero(t, d.Stats().InFlight)
		})
	}
}

// A place that never comes free, and a clock that has run out while collecting.
func TestRequestAllOutOfTime(t *testing.T) {
	q := newRing(t, 2)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1, Timeout: 10 * time.Millisecond})
	require.NoError(t, d.Send(bg, 0)) // one of two cells, for good
	out := make([]dispatcher.Result[int], 3)
	result := make(chan error, 1)
	go func() { result <- d.RequestAll(bg, []int{1, 2, 3}, out) }()
	require.ErrorIs(t, testx.Recv(t, result), dispatcher.ErrTimeout)
}

func TestSendAll(t *testing.T) {
	q := newRing(t, 128)
	d := newDispatcher(t, q, dispatcher.Options{})
	cmds := make([]int, 100)
	for i := range cmds {
		cmds[i] = i
	}
	n, err := d.SendAll(bg, cmds)
	require.NoError(t, err)
	require.Equal(t, 100, n)
	for i := range cmds {
		e, ok := q.TryPop()
		require.True(t, ok)
		require.Equal(t, i, e.Message())
	}

	// A prefix, and why.
	small := newRing(t, 8)
	d = newDispatcher(t, small, dispatcher.Options{})
	ctx, cancel := context.WithCancel(bg)
	done := testx.Park(t, func() error {
		n, err := d.SendAll(ctx, cmds)
		if n != 8 {
			return errTest
		}
		return err
	})
	cancel()
	require.Equal(t, context.Canceled, <-done)
	require.Equal(t, 8, small.Len())
	require.EqualValues(t, 8, d.Stats().Commands)

	d = newDispatcher(t, newRing(t, 8), dispatcher.Options{Overflow: dispatcher.Reject})
	n, err = d.SendAll(bg, cmds)
	require.Equal(t, 8, n)
	require.Equal(t, dispatcher.ErrQueueFull, err)
	d = newDispatcher(t, newRing(t, 128), dispatcher.Options{RateLimit: 1e9})
	n, err = d.SendAll(bg, cmds)
	require.Equal(t, 100, n)
	require.NoError(t, err)
}

// cancelling is a Pusher during whose first push ctx ends.
type cancelling struct {
	ring
	cancel func()
}

func (c cancelling) TryPush(e envelope) error {
	c.cancel()
	return c.ring.TryPush(e)
}

// SendAll looks at ctx before each command that it sends by itself.
func TestSendAllStopsWithCtx(t *testing.T) {
	ctx, cancel := context.WithCancel(bg)
	d := newDispatcher(t, cancelling{newRing(t, 256), cancel}, dispatcher.Options{Overflow: dispatcher.Reject})
	n, err := d.SendAll(ctx, make([]int, 200))
	require.Equal(t, context.Canceled, err)
	require.Equal(t, 1, n)
	require.EqualValues(t, 1, d.Stats().Commands)
}

func TestAs(t *testing.T) {
	n, err := dispatcher.As[int](any(5), nil)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	_, err = dispatcher.As[int](any(5), errTest)
	require.True(t, err == errTest)
	_, err = dispatcher.As[[]uint32](any("text"), nil)
	require.ErrorIs(t, err, dispatcher.ErrResponseType)
	require.ErrorContains(t, err, "[]uint32")
	require.ErrorContains(t, err, "string")
	_, err = dispatcher.As[int](any(nil), nil)
	require.ErrorIs(t, err, dispatcher.ErrResponseType)
	_, err = dispatcher.As[*int](any(nil), nil)
	require.ErrorIs(t, err, dispatcher.ErrResponseType)
	failure, err := dispatcher.As[error](any(nil), nil)
	require.NoError(t, err)
	require.NoError(t, failure)
}

func TestAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	d := served(t, dispatcher.Options{Timeout: time.Hour})
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	require.Zero(t, testing.AllocsPerRun(1000, func() { d.Request(ctx, 1) }))
	require.Zero(t, testing.AllocsPerRun(1000, func() { d.Send(ctx, 1) }))
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		c, _ := d.Go(ctx, 1)
		c.Wait(ctx)
	}), 1.0)
}

// lazy is a Pusher that takes its time, for a queue that nobody pops.
type lazy struct {
	ring
	takes time.Duration
}

func (l *lazy) TryPush(e envelope) error {
	time.Sleep(l.takes)
	return l.ring.TryPush(e)
}

// A RequestAll whose time was over before its timer was looked at leaves no tick to
// the request that has the timer next. (Before Go 1.23, and in programs whose go.mod
// is older, the tick is in the channel.)
func TestManyLeaveNoTick(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would empty the pool of timers
	to := &lazy{ring: newRing(t, 1024)}
	const timeout = 50 * time.Millisecond
	d := newDispatcher(t, to, dispatcher.Options{Timeout: timeout})
	for i := 0; i < 3; i++ {
		to.takes = 2 * timeout
		out := make([]dispatcher.Result[int], 2)
		require.ErrorIs(t, d.RequestAll(bg, []int{1, 2}, out), dispatcher.ErrTimeout)
		to.takes = 0
		for k := 0; k < 4; k++ { // whichever timer it has
			start := time.Now()
			_, err := d.Request(bg, 3)
			require.ErrorIs(t, err, dispatcher.ErrTimeout)
			require.GreaterOrEqual(t, time.Since(start), timeout-time.Millisecond, "by a stranger's tick")
		}
	}
}
