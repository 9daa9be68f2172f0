package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
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

// requireAccounts checks that each message accepted is counted once.
func requireAccounts(t testing.TB, s srv) {
	t.Helper()
	st := s.Stats()
	require.Zero(t, st.Queue.Len)
	require.Zero(t, st.InFlight)
	require.Equal(t, st.Queue.Pushed, accounted(st), "%+v", st)
	if st.Timing != nil {
		require.Equal(t, st.Inline+st.Requests+st.Commands, st.Timing.Handler.Count)
	}
	require.NoError(t, addUp(st))
}

// addUp checks that what lanes counted is what the server counted.
func addUp(st server.Stats) error {
	if st.Lanes == nil {
		return nil
	}
	var q queue.Stats
	var shed, evicted, waited uint64
	for _, l := range st.Lanes {
		q.Pushed += l.Queue.Pushed
		q.Popped += l.Queue.Popped
		q.Len += l.Queue.Len
		q.Cap += l.Queue.Cap
		q.Closed = l.Queue.Closed
		shed += l.Shed
		evicted += l.Evicted
		if st.Timing != nil {
			waited += l.Queued.Count
		}
	}
	if q != st.Queue || evicted != st.Evicted || shed > st.Shed || st.Offloaded == 0 && shed != st.Shed ||
		st.Timing != nil && waited != st.Timing.Queued.Count {
		return fmt.Errorf("the lanes do not add up: %+v", st)
	}
	return nil
}

// accounted returns how many messages that went through the queue a Stats
// accounts for.
func accounted(st server.Stats) uint64 {
	return st.Requests + st.Commands + st.Expired + st.Refused + st.NotOffloaded + st.PoolFull + st.Shed + st.Evicted
}

// outcomes counts what the senders of a test, and its hooks, have seen.
type outcomes struct {
	answered, failed, panicked             atomic.Uint64 // requests
	shed, poolFull, notOffloaded, closed   atomic.Uint64 // messages
	gone, unsent                           atomic.Uint64 // requests that gave up; messages that were not accepted
	commands, failedCommands, lostCommands atomic.Uint64 // handled, and of those, failed; those that panicked
	odd                                    atomic.Value
}

// note counts what a request came to. closed: it may not have been accepted.
func (o *outcomes) note(err error) {
	var p *server.PanicError
	switch {
	case err == nil:
		o.answered.Add(1)
	case err == errTest:
		o.failed.Add(1)
	case errors.As(err, &p) && p.Value == "Offload":
		o.notOffloaded.Add(1)
	case errors.As(err, &p), err == server.ErrGoexit:
		o.panicked.Add(1)
	case err == dispatcher.ErrShed:
		o.shed.Add(1)
	case err == server.ErrPoolFull:
		o.poolFull.Add(1)
	case errors.Is(err, server.ErrServerClosed):
		o.closed.Add(1)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		o.gone.Add(1)
	default:
		o.odd.Store(err)
	}
}

// commandFailed is OnCommandError.
func (o *outcomes) commandFailed(_ any, err error) {
	var p *server.PanicError
	switch {
	case err == errTest:
		o.failedCommands.Add(1)
	case errors.As(err, &p) && p.Value != "Offload", err == server.ErrGoexit:
		o.lostCommands.Add(1)
	default:
		o.note(err)
	}
}

// Everything that can become of a message, in every mode, with or without what
// drops messages: the senders and the Stats count the same, by reason.
func TestConservationByReason(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		seen := server.Stats{}
		for round := 0; round < scaled(400); round++ {
			st := reasonsRound(t, m, round)
			if t.Failed() {
				return
			}
			seen.Shed += st.Shed
			seen.Evicted += st.Evicted
			seen.Expired += st.Expired
			seen.Refused += st.Refused
			seen.PoolFull += st.PoolFull
			seen.NotOffloaded += st.NotOffloaded
			seen.Panicked += st.Panicked
			seen.Failed += st.Failed
		}
		t.Logf("%+v", seen)
		if scaled(400) < 400 {
			return // they are few rounds
		}
		for _, n := range []uint64{seen.Shed, seen.Evicted, seen.Expired, seen.Refused, seen.PoolFull, seen.NotOffloaded, seen.Panicked, seen.Failed} {
			require.Positive(t, n, "%+v", seen)
		}
	})
}

func reasonsRound(t *testing.T, m mode, round int) server.Stats {
	var o outcomes
	p, err := pool.New(pool.Options{Workers: 1, QueueSize: 2})
	require.NoError(t, err)
	opts := m.opts
	opts.Pool = p
	opts.Queue.Capacity = 4
	opts.OnCommandError = o.commandFailed
	opts.DropOldest = round%2 == 0
	opts.Timing = round/2%2 == 0
	if round/4%2 == 0 {
		opts.Shed = server.ShedOptions{Target: time.Nanosecond, Interval: 200 * time.Microsecond}
	}
	if round%5 == 0 {
		opts.Adaptive.Max = 3
	}
	cancels, graceful := round/8%2 == 0, round/16%2 == 0
	h := server.Funcs[int, int]{
		Request: misbehave,
		Command: func(ctx context.Context, n int) error {
			o.commands.Add(1)
			_, err := misbehave(ctx, n)
			return err
		},
		Offload: func(n int) bool {
			if n == 7 {
				panic("Offload")
			}
			return n%3 == 0
		},
	}
	s, d := newServer(t, h, opts, dispatcher.Options{})
	ds := spread(t, s, d, dispatcher.Options{})
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	within(t, "a round", func() {
		var wg sync.WaitGroup
		for c := 0; c < 6; c++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				d := ds[c%len(ds)]
				r := rand.New(rand.NewPCG(uint64(round), uint64(c)))
				for i := 0; i < 40; i++ {
					n := r.IntN(13) - 4
					ctx, cancel := context.WithCancel(context.Background())
					if cancels && r.IntN(4) == 0 {
						go cancel()
					}
					if r.IntN(2) == 0 {
						if err := d.Send(ctx, n); err != nil {
							o.unsent.Add(1)
						}
						cancel()
						continue
					}
					done := make(chan struct{})
					go func() { // a Goexit may end it
						defer close(done)
						err := server.ErrGoexit
						defer func() { o.note(err) }()
						_, err = d.Request(ctx, n)
					}()
					<-done
					cancel()
				}
			}()
		}
		for n := rand.IntN(3000); n > 0; n-- {
			runtime.Gosched()
		}
		if graceful {
			wg.Wait()
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		} else {
			s.Close()
			<-s.Done()
		}
		wg.Wait()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, p.Shutdown(context.Background()))
	require.Nil(t, o.odd.Load())
	requireAccounts(t, s)
	st := s.Stats()
	require.Equal(t, o.commands.Load(), st.Commands)
	if cancels {
		return st // a request that gave up is counted, but its sender has not seen as what
	}
	require.Zero(t, st.Expired)
	require.Equal(t, o.answered.Load()+o.failed.Load()+o.panicked.Load(), st.Inline+st.Requests)
	require.Equal(t, o.failed.Load()+o.failedCommands.Load(), st.Failed)
	require.Equal(t, o.panicked.Load()+o.lostCommands.Load()+o.notOffloaded.Load(), st.Panicked)
	require.Equal(t, o.shed.Load(), st.Shed+st.Evicted)
	require.Equal(t, o.poolFull.Load(), st.PoolFull)
	if m.name == "auto" || m.name == "always" || m.name == "lanes" {
		// Where Offload panics on a caller's goroutine, nothing was queued.
		require.GreaterOrEqual(t, o.notOffloaded.Load(), st.NotOffloaded)
	} else {
		require.Equal(t, o.notOffloaded.Load(), st.NotOffloaded)
	}
	require.GreaterOrEqual(t, o.closed.Load(), st.Refused)
	if graceful {
		require.Zero(t, o.closed.Load()+o.unsent.Load()+st.Refused)
	}
	return st
}

// What Timing tells adds up with the clock on the wall.
func TestTiming(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Timing = true
		m.opts.Pool = newPool(t, pool.Options{Workers: 1})
		const call, calls = 5 * time.Millisecond, 10
		s, d := newServer(t, offloading(func(_ context.Context, n int) (int, error) { time.Sleep(call); return n, nil }), m.opts, dispatcher.Options{})
		require.Zero(t, s.Stats().Timing.Up)
		for i := 0; i < calls; i++ {
			require.NoError(t, d.Send(context.Background(), i))
		}
		require.NoError(t, d.Send(context.Background(), 100)) // offloaded
		time.Sleep(call)
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		_, err := d.Request(context.Background(), 1)
		require.NoError(t, err)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
		requireAccounts(t, s)
		tm := s.Stats().Timing
		require.EqualValues(t, calls+2, tm.Queued.Count)
		require.EqualValues(t, calls+2, tm.Handler.Count)
		require.GreaterOrEqual(t, tm.Handler.Sum, (calls+2)*call)
		require.GreaterOrEqual(t, tm.Handler.P50, call*31/32)
		require.GreaterOrEqual(t, tm.Queued.P90, call*31/32, "they waited for Run")
		require.GreaterOrEqual(t, tm.Busy, (calls+1)*call-time.Millisecond)
		require.Less(t, tm.Busy, tm.Handler.Sum)
		require.GreaterOrEqual(t, tm.Up, tm.Busy/time.Duration(max(1, m.opts.Concurrency)))
		require.Greater(t, tm.Share, 0.0)
		require.LessOrEqual(t, tm.Share, 1.0)
		require.GreaterOrEqual(t, tm.Longest, 2)
		var n uint64
		for _, b := range tm.Handler.Buckets {
			n += b.N
		}
		require.Equal(t, tm.Handler.Count, n)
		require.Equal(t, tm.Handler.Buckets[len(tm.Handler.Buckets)-1].Most, tm.Handler.Max)
		require.Equal(t, tm.Up, s.Stats().Timing.Up, "the clock stands still after the end")
	})
}

// A handler is measured whatever it is wrapped in, and still started and stopped.
func TestTimingKeepsWhatHandlersAre(t *testing.T) {
	var tr troupe
	s, d := newServer(t, tr.supervise(t, server.RestartOptions{Backoff: -1}), server.Options{Timing: true}, dispatcher.Options{})
	go s.Run(context.Background())
	_, err := d.Request(context.Background(), doPanic)
	require.Error(t, err)
	_, err = d.Request(context.Background(), 1)
	require.NoError(t, err)
	require.NoError(t, s.Shutdown(context.Background()))
	require.EqualValues(t, 1, s.Stats().Restarts)
	require.EqualValues(t, 2, s.Stats().Timing.Handler.Count)
}

// With everything on that looks at a clock, nothing is allocated either.
func TestClockAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	each(t, func(t *testing.T, m mode) {
		if m.name == "zenq" {
			t.Skip("ZenQ allocates when it likes")
		}
		m.opts.Pool = newPool(t, pool.Options{Workers: 1})
		m.opts.Timing, m.opts.DropOldest, m.opts.Adaptive.Max = true, true, 8
		m.opts.Shed = server.ShedOptions{Target: time.Hour}
		_, d := start(t, offloading(echo), m.opts, dispatcher.Options{Timeout: time.Hour})
		for name, f := range map[string]func(){
			"request":           func() { d.Request(ctx, 1) },
			"offloaded request": func() { d.Request(ctx, 100) },
			"command":           func() { d.Send(ctx, 1) },
		} {
			require.Zero(t, testing.AllocsPerRun(1000, f), name)
		}
	})
}
