package server_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// scaled makes n smaller where everything is slower: what 32 bits could break, it
// breaks soon.
func scaled(n int) int {
	switch {
	case testing.Short():
		return max(n/100, 1)
	case testx.Race, strconv.IntSize == 32:
		return max(n/10, 1)
	}
	return n
}

// Shutdown, Close or the end of Run's ctx at a random moment: what was accepted
// is handled once, or, after Close, refused by name; what comes later is
// refused; nobody hangs.
func TestConservation(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		rounds := 3 * scaled(10_000) // a third for each way to end
		t.Logf("%d rounds each of Shutdown, Close and the end of Run's ctx", rounds/3)
		within(t, "a round", func() {
			for i := 0; i < rounds; i++ {
				conservationRound(t, m, i)
				if t.Failed() {
					return
				}
			}
		})
	})
}

func conservationRound(t *testing.T, m mode, round int) {
	const senders, each = 4, 8
	graceful := round%3 == 0
	m.opts.Queue.Capacity = 2 << (round % 4)
	var handled [senders * each]atomic.Int32
	var refusedCommands atomic.Int64
	m.opts.OnCommandError = func(cmd any, err error) {
		if err == server.ErrServerClosed {
			refusedCommands.Add(1)
			handled[cmd.(int)].Add(1) // has its one outcome
		}
	}
	s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
		handled[n].Add(1)
		return n, nil
	}), m.opts, dispatcher.Options{})
	ds := spread(t, s, d, dispatcher.Options{})
	runCtx, endRun := context.WithCancel(context.Background())
	defer endRun()
	ran := make(chan error, 1)
	go func() { ran <- s.Run(runCtx) }()

	var accepted, gone atomic.Int64
	var wg sync.WaitGroup
	for p := 0; p < senders; p++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			d := ds[p%len(ds)]
			for k := 0; k < each; k++ {
				id := p*each + k
				var err error
				if (id+round)%2 == 0 {
					var got int
					if got, err = d.Request(context.Background(), id); err == nil && got != id {
						t.Errorf("request %d got the answer of %d", id, got)
					}
					// Shutdown answers so what it did not accept, and only that; the
					// others also what they accepted and did not handle, so that it
					// is an outcome.
					if !graceful && err == server.ErrServerClosed && handled[id].Load() == 0 {
						handled[id].Add(1)
						accepted.Add(1)
						gone.Add(1)
						continue
					}
				} else {
					err = d.Send(context.Background(), id)
				}
				switch {
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, server.ErrServerClosed):
					gone.Add(1)
				default:
					t.Errorf("message %d: %v", id, err)
				}
			}
		}()
	}
	for n := rand.IntN(200); n > 0; n-- {
		runtime.Gosched()
	}
	var err error
	switch round % 3 {
	case 0:
		err = s.Shutdown(context.Background())
	case 1:
		err = s.Close()
	case 2:
		endRun()
	}
	if err != nil {
		t.Errorf("end: %v", err)
	}
	wg.Wait()
	if err := <-ran; err != nil && !(round%3 == 2 && err == context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	total := int64(0)
	for id := range handled {
		n := handled[id].Load()
		if n > 1 {
			t.Errorf("message %d had %d outcomes", id, n)
		}
		total += int64(n)
	}
	if total != accepted.Load() {
		t.Errorf("accepted %d, with an outcome %d", accepted.Load(), total)
	}
	if st := audit(t, s, ds...); graceful && (refusedCommands.Load() > 0 || st.Refused+st.Expired > 0 || st.Inline+st.Requests+st.Commands != uint64(accepted.Load())) {
		t.Errorf("Shutdown did not handle all of %d that were accepted: %+v", accepted.Load(), st)
	}
}

// Requests that give up at about the moment of their reply, with slots that are
// reused all the time: no reply may cross to another request.
func TestCancelStorm(t *testing.T) {
	each(t, func(t *testing.T, m mode) { cancelStorm(t, m, scaled(1_000_000), new(testx.Progress)) })
}

// cancelStorm is a storm of some n requests.
func cancelStorm(t *testing.T, m mode, n int, progress *testx.Progress) {
	const clients = 32
	n = max(1, n/clients)
	sum := 0 // the handler's state, not synchronised
	var synced atomic.Int64
	h := funcs(func(_ context.Context, n int) (int, error) {
		if m.serial() {
			sum++
		}
		synced.Add(1)
		if n%64 == 0 {
			runtime.Gosched()
		}
		return -n, nil
	})
	s, d := start(t, h, m.opts, dispatcher.Options{})
	ds := spread(t, s, d, dispatcher.Options{})
	timed, err := dispatcher.New(s, dispatcher.Options{Timeout: time.Microsecond})
	require.NoError(t, err)
	timeds := spread(t, s, timed, dispatcher.Options{Timeout: time.Microsecond})
	var crossed, gaveUp, odd atomic.Int64
	testx.JoinLong(t, progress, testx.Times(clients, func(c int) {
		r := rand.New(rand.NewPCG(uint64(c), 1))
		d, timed := ds[c%len(ds)], timeds[c%len(ds)]
		for i := 0; i < n; i++ {
			id := c*n + i + 1
			var got int
			var err error
			switch r.IntN(8) {
			case 0:
				ctx, cancel := context.WithCancel(context.Background())
				go cancel()
				got, err = d.Request(ctx, id)
				cancel()
			case 1:
				got, err = timed.Request(context.Background(), id)
			default:
				got, err = d.Request(context.Background(), id)
			}
			switch {
			case err == nil && got != -id:
				crossed.Add(1)
			case errors.Is(err, context.Canceled) || errors.Is(err, dispatcher.ErrTimeout):
				gaveUp.Add(1)
			case err != nil:
				odd.Add(1)
			}
			if i%1024 == 1023 {
				progress.Add(1024)
			}
		}
		progress.Add(n % 1024)
	})...)
	require.Zero(t, crossed.Load())
	require.Zero(t, odd.Load())
	if n > 100 {
		require.Positive(t, gaveUp.Load())
	}
	require.NoError(t, s.Shutdown(context.Background()))
	audit(t, s, append(ds, timeds...)...)
	if m.serial() {
		require.EqualValues(t, synced.Load(), sum)
	}
	t.Logf("%d of %d gave up", gaveUp.Load(), clients*n)
}

// The last message from idle: each is sent to a server that is, or is about to
// be, asleep, and no other message comes to wake it.
func TestLastMessageFromIdle(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		n := scaled(1_000_000)
		t.Logf("%d messages", n)
		got := make(chan int, 1)
		s, d := start(t, funcs(func(_ context.Context, n int) (int, error) { got <- n; return n, nil }), m.opts, dispatcher.Options{})
		ds := spread(t, s, d, dispatcher.Options{})
		within(t, "a last message", func() {
			for i := 0; i < n; i++ {
				if err := ds[i%len(ds)].Send(context.Background(), i); err != nil {
					t.Error(err)
					return
				}
				if <-got != i {
					t.Error("out of order")
					return
				}
				if i%3 == 1 {
					runtime.Gosched()
				}
			}
		})
	})
}

// Messages of one goroutine are handled in their order, whatever they are and
// however they travel.
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		if !m.serial() {
			t.Skip("no order is promised")
		}
		const senders = 8
		n := scaled(20_000)
		var last [senders]int
		m.opts.Queue.Capacity = 16
		s, d := start(t, funcs(func(_ context.Context, v int) (int, error) {
			p, i := v%senders, v/senders
			if i != last[p]+1 {
				return 0, errTest
			}
			last[p] = i
			return v, nil
		}), m.opts, dispatcher.Options{})
		ds := spread(t, s, d, dispatcher.Options{})
		var wg sync.WaitGroup
		for p := 0; p < senders; p++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				ctx, d := context.Background(), ds[p%len(ds)]
				for i := 1; i <= n; {
					msgs := []int{i*senders + p}
					for len(msgs) < 5 && i+len(msgs) <= n {
						msgs = append(msgs, (i+len(msgs))*senders+p)
					}
					var err error
					switch i % 4 {
					case 0:
						msgs = msgs[:1]
						_, err = d.Request(ctx, msgs[0])
					case 1:
						msgs = msgs[:1]
						err = d.Send(ctx, msgs[0])
					case 2:
						_, err = d.SendAll(ctx, msgs)
					case 3:
						out := make([]dispatcher.Result[int], len(msgs))
						err = d.RequestAll(ctx, msgs, out)
						for _, r := range out {
							err = errors.Join(err, r.Err)
						}
					}
					if err != nil {
						t.Error(err)
						return
					}
					i += len(msgs)
				}
			}()
		}
		wg.Wait()
		require.NoError(t, s.Shutdown(context.Background()))
		require.Zero(t, audit(t, s, ds...).Failed)
		for p := range last {
			require.Equal(t, n, last[p])
		}
	})
}

// Panics, Goexits, cancels, offloads and a Shutdown, all at once.
func TestEverythingAtOnce(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		for round := 0; round < scaled(100); round++ {
			p, err := pool.New(pool.Options{Workers: 2, QueueSize: 2})
			require.NoError(t, err)
			m.opts.Pool = p
			m.opts.Queue.Capacity = 8
			h := funcs(misbehave)
			h.Offload = func(n int) bool { return n%3 == 0 }
			s, d := newServer(t, h, m.opts, dispatcher.Options{MaxInFlight: 6})
			ds := spread(t, s, d, dispatcher.Options{MaxInFlight: 6})
			go s.Run(context.Background())
			within(t, "everything at once", func() {
				var wg sync.WaitGroup
				for c := 0; c < 8; c++ {
					wg.Add(1)
					go func() {
						defer wg.Done()
						r := rand.New(rand.NewPCG(uint64(round), uint64(c)))
						for i := 0; i < 50; i++ {
							d := ds[i%len(ds)]
							ctx, cancel := context.WithCancel(context.Background())
							if r.IntN(4) == 0 {
								go cancel()
							}
							var one sync.WaitGroup
							one.Add(1)
							go func() { // a Goexit may end it
								defer one.Done()
								d.Request(ctx, r.IntN(12)-4)
							}()
							one.Wait()
							d.Send(ctx, r.IntN(12)-4)
							cancel()
						}
					}()
				}
				for n := rand.IntN(2000); n > 0; n-- {
					runtime.Gosched()
				}
				if round%2 == 0 {
					s.Close()
					<-s.Done()
				} else {
					require.NoError(t, s.Shutdown(context.Background()))
				}
				wg.Wait()
				require.NoError(t, p.Shutdown(context.Background()))
			})
			audit(t, s, ds...)
		}
	})
}
