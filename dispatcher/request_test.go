package dispatcher_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

func TestNewRefuses(t *testing.T) {
	q := newRing(t, 2)
	for _, tt := range []struct {
		names string
		to    queue.Pusher[envelope]
		opts  dispatcher.Options
	}{
		{"target", nil, dispatcher.Options{}},
		{"target", ring(nil), dispatcher.Options{}},
		{"RateLimit", q, dispatcher.Options{RateLimit: -1}},
		{"RateLimit", q, dispatcher.Options{RateLimit: math.NaN()}},
		{"RateLimit", q, dispatcher.Options{RateLimit: math.Inf(1)}},
		{"Burst", q, dispatcher.Options{RateLimit: 1, Burst: -1}},
		{"Burst", q, dispatcher.Options{Burst: 1}},
		{"Limiter", q, dispatcher.Options{RateLimit: 1, Limiter: rate.NewLimiter(1, 1)}},
		{"Limiter", q, dispatcher.Options{Limiter: (*rate.Limiter)(nil)}},
		{"MaxInFlight", q, dispatcher.Options{MaxInFlight: -1}},
		{"Overflow", q, dispatcher.Options{Overflow: 9}},
		{"Timeout", q, dispatcher.Options{Timeout: -1}},
	} {
		d, err := dispatcher.New[int, int](tt.to, tt.opts)
		require.Nil(t, d)
		require.ErrorContains(t, err, tt.names)
	}
}

func TestNilContext(t *testing.T) {
	d := newDispatcher(t, newRing(t, 2), dispatcher.Options{})
	var none context.Context
	for name, f := range map[string]func(){
		"Request":    func() { d.Request(none, 1) },
		"Send":       func() { d.Send(none, 1) },
		"Go":         func() { d.Go(none, 1) },
		"RequestAll": func() { d.RequestAll(none, nil, nil) },
		"SendAll":    func() { d.SendAll(none, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() { require.Contains(t, recover(), "nil Context") }()
			f()
		})
	}
}

func TestRequest(t *testing.T) {
	for name, d := range map[string]disp{
		"plain":   served(t, dispatcher.Options{}),
		"limited": served(t, dispatcher.Options{MaxInFlight: 1, RateLimit: 1e9, Timeout: time.Hour, Timing: true}),
	} {
		t.Run(name, func(t *testing.T) {
			n, err := d.Request(bg, 5)
			require.NoError(t, err)
			require.Equal(t, -5, n)
			_, err = d.Request(bg, 13)
			require.True(t, err == errTest, "unchanged")
			ended, cancel := context.WithCancel(bg)
			cancel()
			_, err = d.Request(ended, 5)
			require.Equal(t, context.Canceled, err)
			require.Equal(t, context.Canceled, d.Send(ended, 5))
			s := d.Stats()
			require.EqualValues(t, 2, s.Queued)
			require.EqualValues(t, 2, s.Answered)
			require.EqualValues(t, 2, s.Cancelled)
			require.Zero(t, s.InFlight)
		})
	}
}

func TestEnvelope(t *testing.T) {
	var zero envelope
	require.False(t, zero.IsRequest())
	require.False(t, zero.Reply(1, nil))
	require.False(t, zero.Abandoned())
	require.Equal(t, bg, zero.Context())
	require.True(t, zero.Enqueued().IsZero())

	q := newRing(t, 4)
	type key struct{}
	ctx := context.WithValue(bg, key{}, "v")
	require.NoError(t, newDispatcher(t, q, dispatcher.Options{}).Send(ctx, 7))
	e, _ := q.TryPop()
	require.Equal(t, 7, e.Message())
	require.Equal(t, ctx, e.Context())
	require.False(t, e.IsRequest())
	require.False(t, e.Reply(1, nil)) // a command
	require.True(t, e.Enqueued().IsZero())

	before := time.Now().Add(-time.Second)
	answers := async(func() (int, error) {
		return newDispatcher(t, q, dispatcher.Options{Timing: true}).Request(ctx, 8)
	})
	e, err := q.Pop(bg)
	require.NoError(t, err)
	require.True(t, e.Enqueued().After(before))
	require.True(t, e.IsRequest())
	require.False(t, e.Abandoned())
	require.True(t, e.Reply(1, errTest))
	require.False(t, e.Reply(2, nil)) // the second changes nothing
	require.True(t, e.Abandoned())
	require.Equal(t, result{1, errTest}, <-answers)
}

// Whoever gave up has its own outcome, and a late reply reaches nobody.
func TestLateReply(t *testing.T) {
	for _, how := range []string{"ctx", "timeout"} {
		t.Run(how, func(t *testing.T) {
			q := newRing(t, 4)
			opts := dispatcher.Options{}
			if how == "timeout" {
				opts.Timeout = 5 * time.Millisecond
			}
			d := newDispatcher(t, q, opts)
			ctx, cancel := context.WithCancel(bg)
			defer cancel()
			first := async(func() (int, error) { return d.Request(ctx, 1) })
			late, err := q.Pop(bg)
			require.NoError(t, err)
			if how == "ctx" {
				cancel()
				require.Equal(t, context.Canceled, (<-first).err)
			} else {
				err := (<-first).err
				require.ErrorIs(t, err, dispatcher.ErrTimeout)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.True(t, late.Abandoned())
			second := async(func() (int, error) { return newDispatcher(t, q, dispatcher.Options{}).Request(bg, 2) })
			e, err := q.Pop(bg)
			require.NoError(t, err)
			require.False(t, late.Reply(-1, nil))
			require.True(t, e.Reply(-2, nil))
			require.Equal(t, result{-2, nil}, <-second)
		})
	}
}

// The Timeout covers every wait: for the queue, for a place, for the rate.
func TestTimeoutWhileBlocked(t *testing.T) {
	full := func(t *testing.T) ring {
		q := newRing(t, 2)
		for q.TryPush(envelope{}) == nil {
		}
		return q
	}
	opts := dispatcher.Options{Timeout: 5 * time.Millisecond}
	inFlight := opts
	inFlight.MaxInFlight = 1
	for name, d := range map[string]disp{
		"full queue":              newDispatcher(t, full(t), opts),
		"full queue, plain":       newDispatcher(t, plain{full(t)}, opts),
		"no place":                newDispatcher(t, newRing(t, 2), inFlight),
		"a limiter of one's own":  newDispatcher(t, newRing(t, 2), dispatcher.Options{Timeout: 5 * time.Millisecond, Limiter: never{}}),
		"nobody answers, batches": newDispatcher(t, newRing(t, 2), opts),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no place" {
				_, err := d.Go(bg, 0) // takes it
				require.NoError(t, err)
			}
			_, err := d.Request(bg, 1)
			require.ErrorIs(t, err, dispatcher.ErrTimeout)
			if name == "no place" {
				return
			}
			out := make([]dispatcher.Result[int], 5)
			require.ErrorIs(t, d.RequestAll(bg, make([]int, 5), out), dispatcher.ErrTimeout)
			for _, r := range out {
				require.ErrorIs(t, r.Err, dispatcher.ErrTimeout)
			}
		})
	}
}

// never is a Limiter that lets nothing through.
type never struct{}

func (never) Allow() bool { return false }

func (never) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Slots are reused all the time, and half of the callers give up at about the
// moment of their reply.
func TestStorm(t *testing.T) {
	q := newRing(t, 8)
	serve(t, q)
	d := newDispatcher(t, q, dispatcher.Options{})
	hasty := newDispatcher(t, q, dispatcher.Options{Timeout: time.Microsecond})
	n := 10_000
	if testx.Race {
		n = 2000
	}
	var crossed, odd, gone atomic.Int64
	var wg sync.WaitGroup
	for c := 0; c < 16; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < n; i++ {
				id := 100 + c*n + i
				var got int
				var err error
				switch rand.IntN(4) {
				case 0:
					ctx, cancel := context.WithCancel(bg)
					go cancel()
					got, err = d.Request(ctx, id)
				case 1:
					got, err = hasty.Request(bg, id)
				case 2:
					var call *dispatcher.Call[int]
					if call, err = d.Go(bg, id); err == nil {
						got, err = call.Wait(bg)
					}
				default:
					got, err = d.Request(bg, id)
				}
				switch {
				case err == nil && got != -id:
					crossed.Add(1)
				case err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, dispatcher.ErrTimeout):
					odd.Add(1)
				case err != nil:
					gone.Add(1)
				}
			}
		}()
	}
	wg.Wait()
	require.Zero(t, crossed.Load())
	require.Zero(t, odd.Load())
	require.Positive(t, gone.Load())
	require.Zero(t, d.Stats().InFlight)
	require.Zero(t, hasty.Stats().InFlight)
}

// A handler that ends its caller's goroutine takes nothing with it.
func TestGoexitInline(t *testing.T) {
	q := newRing(t, 4)
	d := newDispatcher(t, inline{q, func(n int) (int, error) {
		if n == 1 {
			panic("unwinds")
		}
		return n, nil
	}}, dispatcher.Options{MaxInFlight: 1})
	for i := 0; i < 3; i++ {
		require.Panics(t, func() { d.Request(bg, 1) })
		out := make([]dispatcher.Result[int], 2)
		require.Panics(t, func() { d.RequestAll(bg, []int{2, 1}, out) })
		n, err := d.Request(bg, 2) // there is a place
		require.NoError(t, err)
		require.Equal(t, 2, n)
	}
}
