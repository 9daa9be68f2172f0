package dispatcher_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// What RequestAll makes of the errors that handlers return.

// wrapping is an error whose Unwrap panics if it is nil.
type wrapping struct{ err error }

func (w *wrapping) Error() string { return "wrapping" }
func (w *wrapping) Unwrap() error { return w.err }

// list is an error that cannot be compared.
type list []error

func (list) Error() string { return "list" }

// A handler's error is its caller's affair, whatever its methods do: what is under way
// beside it is collected, and its places in flight come back.
func TestRequestAllOddErrors(t *testing.T) {
	for name, odd := range map[string]error{"a nil pointer": (*wrapping)(nil), "a list": list{errTest}} {
		run := func(n int) (int, error) {
			if n == 13 {
				return 0, odd
			}
			return -n, nil
		}
		queued := newRing(t, 16)
		drain(t, queued, func(e envelope) { e.Reply(run(e.Message())) })
		for how, d := range map[string]disp{
			"queued": newDispatcher(t, queued, dispatcher.Options{MaxInFlight: 8}),
			"inline": newDispatcher(t, inline{newRing(t, 16), run}, dispatcher.Options{MaxInFlight: 8}),
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				for range 3 { // what one leaves behind must not be in the next
					out := make([]dispatcher.Result[int], 4)
					require.NoError(t, d.RequestAll(bg, []int{1, 13, 3, 4}, out))
					require.Equal(t, []dispatcher.Result[int]{{Value: -1}, {Err: odd}, {Value: -3}, {Value: -4}}, out)
					require.Zero(t, d.Stats().InFlight)
				}
			})
		}
	}
}

// A ctx may have an error that cannot be compared, and a handler may return it.
func TestRequestAllListOfCtx(t *testing.T) {
	ended := list(nil)
	d := newDispatcher(t, inline{newRing(t, 16), func(int) (int, error) {
		ended = list{errTest}
		return 0, ended
	}}, dispatcher.Options{})
	out := make([]dispatcher.Result[int], 2)
	require.Equal(t, list{errTest}, d.RequestAll(endedBy{bg, &ended}, []int{1, 2}, out))
	require.Equal(t, []dispatcher.Result[int]{{Err: list{errTest}}, {Err: list{errTest}}}, out)
}

// endedBy is a ctx that has ended once *by is not nil.
type endedBy struct {
	context.Context
	by *list
}

func (c endedBy) Err() error {
	if *c.by == nil {
		return nil
	}
	return *c.by
}

// A ctx may also end with an error whose methods panic, while replies are awaited: they
// are collected all the same.
func TestRequestAllOddEnd(t *testing.T) {
	q := newRing(t, 16)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 8})
	for range 3 { // what one leaves behind must not be in the next
		ctx := oddEnd{bg, make(chan struct{})}
		out := make([]dispatcher.Result[int], 3)
		all := async(func() (int, error) { return 0, d.RequestAll(ctx, []int{1, 2, 3}, out) })
		testx.Eventually(t, func() bool { return q.Len() == 3 }, "all are queued")
		close(ctx.done)
		end := error((*wrapping)(nil))
		require.Equal(t, end, testx.Recv(t, all).err)
		require.Equal(t, []dispatcher.Result[int]{{Err: end}, {Err: end}, {Err: end}}, out)
		require.Zero(t, d.Stats().InFlight)
		for range 3 {
			e, _ := q.TryPop()
			require.True(t, e.Abandoned())
		}
	}
	serve(t, q)
	testx.Join(t, testx.Times(8, func(int) {
		n, err := d.Request(bg, 1)
		assert.NoError(t, err)
		assert.Equal(t, -1, n)
	})...)
}

// oddEnd is a ctx that ends with done.
type oddEnd struct {
	context.Context
	done chan struct{}
}

func (c oddEnd) Done() <-chan struct{} { return c.done }

func (c oddEnd) Err() error {
	select {
	case <-c.done:
		return (*wrapping)(nil)
	default:
		return nil
	}
}

// The error of RequestAll is the first in out that tells of more than its request,
// whenever it was known.
func TestRequestAllFirstError(t *testing.T) {
	for _, first := range []error{dispatcher.ErrShed, dispatcher.ErrTimeout, dispatcher.ErrClosed} {
		q := newRing(t, 2)
		d := newDispatcher(t, q, dispatcher.Options{Overflow: dispatcher.Reject})
		out := make([]dispatcher.Result[int], 4)
		all := async(func() (int, error) { return 0, d.RequestAll(bg, []int{1, 2, 3, 4}, out) })
		testx.Eventually(t, func() bool { return d.Stats().QueueFull == 2 }, "two are refused")
		for range 2 {
			e, _ := q.TryPop()
			if e.Message() == 1 {
				e.Reply(0, errTest)
			}
			e.Reply(0, first)
		}
		require.Equal(t, first, testx.Recv(t, all).err)
		require.Equal(t, []dispatcher.Result[int]{{Err: errTest}, {Err: first}, {Err: dispatcher.ErrQueueFull}, {Err: dispatcher.ErrQueueFull}}, out)
	}
}

// An answer that says that something is closed does not end RequestAll: it may be
// another server that the handler has asked.
func TestRequestAllGoesOnAfterAnAnswer(t *testing.T) {
	respond := func(n int) (int, error) {
		if n == 3 {
			return 0, dispatcher.ErrClosed
		}
		return n, nil
	}
	q := newRing(t, 256)
	drain(t, q, func(e envelope) { e.Reply(respond(e.Message())) })
	reqs := make([]int, 200)
	for i := range reqs {
		reqs[i] = i
	}
	for name, d := range map[string]disp{
		"queued": newDispatcher(t, q, dispatcher.Options{}),
		"inline": newDispatcher(t, inline{newRing(t, 4), respond}, dispatcher.Options{}),
	} {
		out := make([]dispatcher.Result[int], len(reqs))
		require.Equal(t, dispatcher.ErrClosed, d.RequestAll(bg, reqs, out), name)
		for i, r := range out {
			n, err := respond(i)
			require.Equal(t, dispatcher.Result[int]{Value: n, Err: err}, r, "%s: out[%d]", name, i)
		}
	}
}

// What the server refuses after it was accepted is told, too.
func TestRequestAllTellsOfShedding(t *testing.T) {
	q := newRing(t, 16)
	drain(t, q, func(e envelope) { e.Reply(0, []error{errTest, dispatcher.ErrShed, nil}[e.Message()-1]) })
	out := make([]dispatcher.Result[int], 3)
	require.Equal(t, dispatcher.ErrShed, newDispatcher(t, q, dispatcher.Options{}).RequestAll(bg, []int{1, 2, 3}, out))
	require.Equal(t, []error{errTest, dispatcher.ErrShed, nil}, []error{out[0].Err, out[1].Err, out[2].Err})
}
