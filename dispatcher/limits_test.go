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

// Each refusal is named, matches what it should, and allocates nothing.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  dispatcher.Options
		is    []error
		count func(dispatcher.Stats) uint64
	}{
		{"rate", dispatcher.Options{RateLimit: 1e-9, Burst: 1}, []error{dispatcher.ErrRateLimited}, func(s dispatcher.Stats) uint64 { return s.RateLimited }},
		{"limiter", dispatcher.Options{Limiter: never{}}, []error{dispatcher.ErrRateLimited}, func(s dispatcher.Stats) uint64 { return s.RateLimited }},
		{"in flight", dispatcher.Options{MaxInFlight: 1}, []error{dispatcher.ErrInFlight}, func(s dispatcher.Stats) uint64 { return s.InFlightFull }},
		{"queue", dispatcher.Options{}, []error{dispatcher.ErrQueueFull, queue.ErrFull}, func(s dispatcher.Stats) uint64 { return s.QueueFull }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.Overflow = dispatcher.Reject
			d := newDispatcher(t, newRing(t, 2), tt.opts)
			for i := 0; i < 2; i++ { // what there is of rate, places and room
				d.Go(bg, 1)
			}
			before := tt.count(d.Stats())
			_, err := d.Request(bg, 1)
			require.ErrorIs(t, err, dispatcher.ErrOverloaded)
			for _, is := range tt.is {
				require.ErrorIs(t, err, is)
			}
			require.Equal(t, before+1, tt.count(d.Stats()))
			_, err = d.Go(bg, 1)
			require.ErrorIs(t, err, tt.is[0])
			if tt.name != "in flight" { // which is for requests
				require.ErrorIs(t, d.Send(bg, 1), tt.is[0])
				require.ErrorIs(t, d.TrySend(1), tt.is[0])
				n, err := d.SendAll(bg, []int{1, 2})
				require.Zero(t, n)
				require.ErrorIs(t, err, tt.is[0])
			}
			out := make([]dispatcher.Result[int], 3)
			require.ErrorIs(t, d.RequestAll(bg, []int{1, 2, 3}, out), tt.is[0])
			require.ErrorIs(t, out[2].Err, tt.is[0])
			if testx.Race {
				return // sync.Pool drops objects at random
			}
			require.Zero(t, testing.AllocsPerRun(100, func() { _, err = d.Request(bg, 1) }))
			require.ErrorIs(t, err, tt.is[0])
			if tt.name != "in flight" {
				require.Zero(t, testing.AllocsPerRun(100, func() { err = d.Send(bg, 1) }))
				require.ErrorIs(t, err, tt.is[0])
				require.Zero(t, testing.AllocsPerRun(100, func() { err = d.TrySend(1) }))
				require.ErrorIs(t, err, tt.is[0])
			}
		})
	}
}

// Neither does the refusal of a wait that would be too long.
func TestHopelessAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	d := newDispatcher(t, newRing(t, 16), dispatcher.Options{RateLimit: 1e-9, Burst: 1, Timeout: time.Hour})
	ctx, cancel := context.WithTimeout(bg, time.Hour)
	defer cancel()
	var err error
	require.NoError(t, d.Send(bg, 1))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, err = d.Request(bg, 1) }))
	require.ErrorIs(t, err, dispatcher.ErrRateLimited)
	require.Zero(t, testing.AllocsPerRun(100, func() { err = d.Send(ctx, 1) }))
	require.ErrorIs(t, err, dispatcher.ErrRateLimited)
}

// TrySend never waits, whatever Overflow says.
func TestTrySend(t *testing.T) {
	d := newDispatcher(t, newRing(t, 2), dispatcher.Options{})
	require.NoError(t, d.TrySend(1))
	require.NoError(t, d.TrySend(1))
	require.Equal(t, dispatcher.ErrQueueFull, d.TrySend(1))
	d = newDispatcher(t, newRing(t, 2), dispatcher.Options{Limiter: never{}})
	require.Equal(t, dispatcher.ErrRateLimited, d.TrySend(1))
}

// A wait for the rate that cannot succeed in time fails at once.
func TestHopelessWait(t *testing.T) {
	opts := dispatcher.Options{RateLimit: 0.001, Burst: 1} // the next one in 1,000 s
	hasty := opts
	hasty.Timeout = time.Minute
	for name, d := range map[string]disp{
		"deadline": served(t, opts),
		"timeout":  served(t, hasty),
		"x/time":   served(t, dispatcher.Options{Limiter: rate.NewLimiter(0.001, 1)}),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := bg
			if name != "timeout" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(bg, time.Minute)
				defer cancel()
			}
			_, err := d.Request(ctx, 1)
			require.NoError(t, err)
			for i := 0; i < 3; i++ {
				_, err = d.Request(ctx, 1)
				require.ErrorIs(t, err, dispatcher.ErrRateLimited)
				require.ErrorIs(t, err, dispatcher.ErrOverloaded)
				if name != "x/time" { // whose reason is not known
					require.ErrorIs(t, err, context.DeadlineExceeded)
				}
				require.Equal(t, name == "timeout", errors.Is(err, dispatcher.ErrTimeout))
			}
			require.EqualValues(t, 3, d.Stats().RateLimited)
		})
	}
	// One that may succeed waits until its ctx ends.
	d := served(t, opts)
	require.NoError(t, d.Send(bg, 1))
	ctx, cancel := context.WithCancel(bg)
	answers := async(func() (int, error) { return d.Request(ctx, 1) })
	cancel()
	require.Equal(t, context.Canceled, (<-answers).err)
}

// What there is to change is changed, and nothing else.
func TestSetRate(t *testing.T) {
	d := newDispatcher(t, newRing(t, 16), dispatcher.Options{RateLimit: 1e-9, Burst: 1, Overflow: dispatcher.Reject})
	require.NoError(t, d.Send(bg, 1))
	require.Equal(t, dispatcher.ErrRateLimited, d.Send(bg, 1))
	require.NoError(t, d.SetRate(1e9, 5))
	testx.Eventually(t, func() bool { return d.Send(bg, 1) == nil }, "it lets through by the new rate")
	for _, err := range []error{d.SetRate(-1, 0), d.SetRate(math.NaN(), 0), d.SetRate(math.Inf(1), 0), d.SetRate(1, -1), d.SetRate(0, 1)} {
		require.ErrorContains(t, err, "SetRate")
	}
	require.NoError(t, d.SetRate(0, 0))
	for i := 0; i < 10; i++ {
		require.NoError(t, d.Send(bg, 1), "no limit")
	}
	require.NoError(t, d.SetRate(1e-9, 0))
	require.NoError(t, d.Send(bg, 1), "a burst of 1")
	require.Equal(t, dispatcher.ErrRateLimited, d.Send(bg, 1))

	for _, opts := range []dispatcher.Options{{}, {MaxInFlight: 1}, {Limiter: never{}}} {
		require.ErrorContains(t, newDispatcher(t, newRing(t, 2), opts).SetRate(1, 1), "SetRate")
	}
}

func TestRateLets(t *testing.T) {
	d := served(t, dispatcher.Options{RateLimit: 1000, Burst: 1})
	for i := 0; i < 20; i++ { // waits for most of them
		_, err := d.Request(bg, i+100)
		require.NoError(t, err)
	}
}

// Never more in flight than may be, whatever happens to the requests, and every
// place comes back.
func TestMaxInFlight(t *testing.T) {
	const limit = 4
	q := newRing(t, 64)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: limit})
	var now, most atomic.Int64
	var servers sync.WaitGroup
	for i := 0; i < 8; i++ {
		servers.Add(1)
		go func() {
			defer servers.Done()
			for {
				e, err := q.Pop(bg)
				if err != nil {
					return
				}
				if e.Abandoned() {
					continue
				}
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				now.Add(-1)
				answer(e)
			}
		}()
	}
	var wg sync.WaitGroup
	for c := 0; c < 16; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 300; i++ {
				ctx, cancel := context.WithCancel(bg)
				if rand.IntN(3) == 0 {
					go cancel()
				}
				switch rand.IntN(3) {
				case 0:
					d.Request(ctx, i)
				case 1:
					if call, err := d.Go(ctx, i); err == nil {
						call.Wait(bg)
					}
				case 2:
					out := make([]dispatcher.Result[int], 10)
					d.RequestAll(ctx, make([]int, 10), out)
				}
				cancel()
			}
		}()
	}
	wg.Wait()
	require.LessOrEqual(t, most.Load(), int64(limit))
	testx.Eventually(t, func() bool { return d.Stats().InFlight == 0 }, "nothing is in flight")
	for i := 0; i < limit; i++ { // all places are there, none is waited for
		ctx, cancel := context.WithTimeout(bg, time.Minute)
		_, err := d.Request(ctx, i)
		require.NoError(t, err)
		cancel()
	}
	q.Close()
	servers.Wait()
	_, err := d.Request(bg, 1)
	require.Equal(t, dispatcher.ErrClosed, err)
	require.ErrorIs(t, err, queue.ErrClosed)
}

// First come, first served.
func TestInFlightOrder(t *testing.T) {
	q := newRing(t, 64)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1})
	_, err := d.Go(bg, 0)
	require.NoError(t, err)
	var waiting []<-chan error
	for i := 1; i <= 5; i++ {
		waiting = append(waiting, testx.Park(t, func() error {
			_, err := d.Request(bg, i)
			return err
		}))
	}
	for i := 0; i <= 5; i++ {
		e, err := q.Pop(bg)
		require.NoError(t, err)
		require.Equal(t, i, e.Message())
		answer(e)
	}
	for _, w := range waiting {
		require.NoError(t, <-w)
	}
}

// The reason of a Limiter's own stays readable, on the same line.
func TestLimitersReason(t *testing.T) {
	d := newDispatcher(t, newRing(t, 2), dispatcher.Options{Limiter: fails{}})
	_, err := d.Request(bg, 1)
	require.ErrorIs(t, err, dispatcher.ErrRateLimited)
	require.True(t, errors.Is(err, errTest))
	require.Equal(t, "dispatcher: rate limit reached: "+errTest.Error(), err.Error())
	require.EqualValues(t, 1, d.Stats().RateLimited)
}

type fails struct{}

func (fails) Allow() bool                { return false }
func (fails) Wait(context.Context) error { return errTest }

// A ctx that ends while the request waits for a limit ends the request: the
// handler is not called, on the caller's goroutine neither.
func TestCtxEndsAtTheLimit(t *testing.T) {
	called := false
	to := inline{newRing(t, 4), func(n int) (int, error) { called = true; return n, nil }}
	ctx, cancel := context.WithCancel(bg)
	d := newDispatcher(t, to, dispatcher.Options{Limiter: lets(cancel), MaxInFlight: 1})
	_, err := d.Request(ctx, 1)
	require.Equal(t, context.Canceled, err)
	ctx, cancel = context.WithCancel(bg)
	d = newDispatcher(t, to, dispatcher.Options{Limiter: lets(cancel), MaxInFlight: 1})
	require.Equal(t, context.Canceled, d.RequestAll(ctx, []int{1}, make([]dispatcher.Result[int], 1)))
	var end func()
	d = newDispatcher(t, to, dispatcher.Options{Limiter: lets(func() { end() }), MaxInFlight: 1})
	for i := 0; i < 2; i++ { // the place is free again
		ctx, cancel := context.WithCancel(bg)
		end = cancel
		_, err = d.Go(ctx, 1)
		require.Equal(t, context.Canceled, err)
	}
	require.False(t, called)
	require.Zero(t, to.Len())
}

// Nor may it be called for a request whose Timeout has ended there.
func TestTimeoutEndsAtTheLimit(t *testing.T) {
	called := false
	to := inline{newRing(t, 4), func(n int) (int, error) { called = true; return n, nil }}
	late := lets(func() { time.Sleep(2 * time.Millisecond) })
	d := newDispatcher(t, to, dispatcher.Options{Limiter: late, MaxInFlight: 1, Timeout: time.Millisecond})
	for i := 0; i < 2; i++ { // the place is free again
		_, err := d.Request(bg, 1)
		require.Equal(t, dispatcher.ErrTimeout, err)
		_, err = d.Go(bg, 1)
		require.Equal(t, dispatcher.ErrTimeout, err)
	}
	require.Equal(t, dispatcher.ErrTimeout, d.RequestAll(bg, []int{1}, make([]dispatcher.Result[int], 1)))
	require.False(t, called)
	require.Zero(t, to.Len())
	require.EqualValues(t, 5, d.Stats().TimedOut)
}

// lets is a Limiter that calls a function instead of waiting.
type lets func()

func (lets) Allow() bool { return false }

func (l lets) Wait(context.Context) error {
	l()
	return nil
}

// What asks a target that says that it is closed for its error is no message to one that
// is not: a server drops it.
func TestRefusalIsNoMessage(t *testing.T) {
	for name, send := range map[string]func(d disp) error{
		"Request":    func(d disp) error { _, err := d.Request(bg, 1); return err },
		"Go":         func(d disp) error { _, err := d.Go(bg, 1); return err },
		"RequestAll": func(d disp) error { return d.RequestAll(bg, []int{1}, make([]dispatcher.Result[int], 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			to := mistaken{newRing(t, 4), make(chan struct{})}
			d := newDispatcher(t, to, dispatcher.Options{MaxInFlight: 1})
			_, err := d.Go(bg, 1)
			require.NoError(t, err)
			_, ok := to.TryPop()
			require.True(t, ok)
			close(to.closing)
			require.Equal(t, dispatcher.ErrClosed, send(d))
			e, ok := to.TryPop()
			require.True(t, ok)
			require.True(t, e.IsRequest())
			require.True(t, e.Abandoned())
			require.False(t, e.Reply(1, nil))
			require.Equal(t, bg, e.Context())
		})
	}
}

// mistaken says that it refuses all messages, and does not: as a server that was embedded
// by a type with a TryPush of its own.
type mistaken struct {
	ring
	closing chan struct{}
}

func (m mistaken) Closing() <-chan struct{} { return m.closing }
