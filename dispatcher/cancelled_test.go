package dispatcher_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// overdue is a ctx whose deadline has passed, and whose timer is late.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

// requests are the ways to send one, and to get its outcome.
var requests = map[string]func(d disp, ctx context.Context) error{
	"Request": func(d disp, ctx context.Context) error { _, err := d.Request(ctx, 1); return err },
	"RequestAll": func(d disp, ctx context.Context) error {
		return d.RequestAll(ctx, []int{1}, make([]dispatcher.Result[int], 1))
	},
	"Go": func(d disp, ctx context.Context) error {
		c, err := d.Go(ctx, 1)
		if err != nil {
			return err
		}
		for !c.Ready() {
			time.Sleep(100 * time.Microsecond)
		}
		_, err = c.Wait(bg)
		return err
	},
}

// Who answers that the deadline has passed may be ahead of the timer of ctx. It ended
// the request all the same: it is counted, and RequestAll tells of it.
func TestDeadlineSeenByTheServer(t *testing.T) {
	q := newRing(t, 4)
	drain(t, q, func(e envelope) { e.Reply(0, context.DeadlineExceeded) })
	for name, f := range requests {
		t.Run(name, func(t *testing.T) {
			d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1})
			require.Equal(t, context.DeadlineExceeded, f(d, overdue{bg}))
			require.EqualValues(t, 1, d.Stats().Cancelled)
			require.Zero(t, d.Stats().InFlight)
		})
	}
}

// A Call is counted as cancelled once, whether the end of its ctx was first seen by
// who took it from the queue or by who has it.
func TestCallCancelledInTheQueue(t *testing.T) {
	for _, looked := range []bool{false, true} {
		q := newRing(t, 4)
		d := newDispatcher(t, q, dispatcher.Options{})
		ctx, cancel := context.WithCancel(bg)
		c, err := d.Go(ctx, 1)
		require.NoError(t, err)
		cancel()
		require.True(t, !looked || c.Ready())
		e, ok := q.TryPop()
		require.True(t, ok)
		require.Equal(t, !looked, e.Reply(0, e.Context().Err()))
		_, err = c.Wait(bg)
		require.Equal(t, context.Canceled, err)
		require.EqualValues(t, 1, d.Stats().Cancelled, "looked at: %v", looked)
	}
}

// The error of another ctx, which a handler may have had, is an answer.
func TestErrorOfAnotherCtx(t *testing.T) {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		q := newRing(t, 4)
		drain(t, q, func(e envelope) { e.Reply(0, ended) })
		for name, f := range requests {
			d := newDispatcher(t, q, dispatcher.Options{})
			ctx, cancel := context.WithTimeout(bg, time.Hour)
			if err := f(d, ctx); name == "RequestAll" {
				require.NoError(t, err)
			} else {
				require.Equal(t, ended, err)
			}
			cancel()
			require.Zero(t, d.Stats().Cancelled, name)
		}
	}
}
