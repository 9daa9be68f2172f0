package dispatcher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// moody is a target that does whatever a target may do: it runs a request on
// the caller or queues it, it panics, it calls Goexit, it is full, it is closed.
type moody struct {
	ring
	running, most *atomic.Int64
}

func (m moody) TryInline(_ context.Context, n int) (int, error, bool) {
	if n%2 == 0 {
		return 0, nil, false
	}
	now := m.running.Add(1)
	defer m.running.Add(-1)
	for most := m.most.Load(); now > most && !m.most.CompareAndSwap(most, now); most = m.most.Load() {
	}
	switch n % 7 {
	case 0:
		panic(errTest)
	case 1:
		runtime.Goexit()
	case 2:
		runtime.Gosched()
	}
	return -n, nil, true
}

// Requests of all kinds over a target that does whatever it may, cancelled, too
// late, and cut short by a close, all at random moments: each place in flight
// comes back, and never are there more than may be.
func TestPlacesComeBack(t *testing.T) {
	rounds := 2000
	if testing.Short() || testx.Race {
		rounds = 200
	}
	for round := 0; round < rounds; round++ {
		limit := 1 + round%5
		var running, most atomic.Int64
		q := newRing(t, 2)
		d := newDispatcher(t, moody{q, &running, &most}, dispatcher.Options{
			MaxInFlight: limit,
			Overflow:    dispatcher.Overflow(round % 2),
			Timeout:     []time.Duration{0, 20 * time.Microsecond, time.Hour}[round%3],
		})
		served := make(chan struct{})
		go func() {
			defer close(served)
			for {
				e, err := q.Pop(bg)
				if err != nil {
					return
				}
				answer(e) // abandoned or not
			}
		}()
		client := func(seed int) {
			r := rand.New(rand.NewPCG(uint64(round), uint64(seed)))
			for i := 0; i < 20; i++ {
				ctx, cancel := context.WithCancel(bg)
				if r.IntN(3) == 0 {
					go cancel()
				}
				var one sync.WaitGroup
				one.Add(1)
				go func() { // a panic or a Goexit may end it
					defer one.Done()
					defer func() {
						if v := recover(); v != nil && v != errTest {
							t.Errorf("panic: %v", v)
						}
					}()
					switch r.IntN(3) {
					case 0:
						d.Request(ctx, r.IntN(1000))
					case 1:
						d.Go(ctx, r.IntN(1000)) // nobody may ever wait for it
					case 2:
						reqs := []int{r.IntN(1000), r.IntN(1000), r.IntN(1000), r.IntN(1000), r.IntN(1000)}
						d.RequestAll(ctx, reqs, make([]dispatcher.Result[int], len(reqs)))
					}
				}()
				one.Wait()
				cancel()
			}
		}
		testx.Join(t, append(testx.Times(6, client), func() {
			for n := rand.IntN(3000); n > 0; n-- {
				runtime.Gosched()
			}
			q.Close()
		})...)
		testx.Recv(t, served)
		require.LessOrEqual(t, most.Load(), int64(limit))
		require.Zero(t, dispatcher.Places(d))
		st := d.Stats()
		require.Zero(t, st.InFlight)
		require.Equal(t, st.Queued, q.Stats().Popped)
		if t.Failed() {
			return
		}
	}
}

// A waiter that is cancelled leaves the line, and neither takes a place with it
// nor delays those behind it.
func TestCancelledWaiterLeaves(t *testing.T) {
	q := newRing(t, 16)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1})
	_, err := d.Go(bg, 0)
	require.NoError(t, err)
	var cancels []context.CancelFunc
	var waiting []<-chan error
	for i := 1; i <= 9; i++ {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		cancels = append(cancels, cancel)
		waiting = append(waiting, testx.Park(t, func() error {
			_, err := d.Request(ctx, i)
			return err
		}))
	}
	for i, cancel := range cancels {
		if i%3 != 0 {
			cancel()
			require.Equal(t, context.Canceled, testx.Recv(t, waiting[i]))
		}
	}
	for _, want := range []int{0, 1, 4, 7} {
		e, err := q.Pop(bg)
		require.NoError(t, err)
		require.Equal(t, want, e.Message())
		answer(e)
	}
	for i := 0; i < len(waiting); i += 3 {
		require.NoError(t, testx.Recv(t, waiting[i]))
	}
	require.Zero(t, dispatcher.Places(d))
	require.True(t, errors.Is(dispatcher.ErrInFlight, dispatcher.ErrOverloaded))
}

// Who has the outcome of a Call finds its place in flight free: with as many
// Calls at a time as may be, and Overflow Reject, none is refused.
func TestPlaceIsFreeWhenTheOutcomeIsThere(t *testing.T) {
	rounds := 50_000
	if testing.Short() || testx.Race {
		rounds = 2000
	}
	q := newRing(t, 2)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1, Overflow: dispatcher.Reject})
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			e, err := q.Pop(bg)
			if err != nil {
				return
			}
			e.Reply(e.Message(), nil)
		}
	}()
	for i := 0; i < rounds; i++ {
		c, err := d.Go(bg, i)
		require.NoError(t, err, "round %d", i)
		if i%2 == 0 {
			for !c.Ready() { // awake, to see it as early as can be
				runtime.Gosched()
			}
		}
		_, err = c.Wait(bg)
		require.NoError(t, err)
	}
	q.Close()
	testx.Recv(t, served)
}
