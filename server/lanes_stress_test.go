package server_test

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
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Senders on all lanes and an end at a random moment: what was accepted has one
// outcome, in the order of its sender and lane, and handler calls never overlap.
func TestLanesConservation(t *testing.T) {
	for _, m := range callerRuns {
		t.Run(m.name, func(t *testing.T) {
			within(t, "a round", func() {
				for round := 0; round < scaled(2_000); round++ {
					lanesRound(t, m.opts, round)
					if t.Failed() {
						return
					}
				}
			})
		})
	}
}

func lanesRound(t *testing.T, o server.Options, round int) {
	const senders, each = 4, 30
	o.Lanes = 2 + round%7
	o.Queue.Capacity = 2 << (round % 3)
	graceful := round%2 == 0
	type sent struct{ sender, lane int }
	var outcomes [senders * each]atomic.Int32
	var refused atomic.Int64
	o.OnCommandError = func(cmd any, err error) {
		if err == server.ErrServerClosed {
			refused.Add(1)
		}
		outcomes[cmd.(int)].Add(1)
	}
	last := map[sent]int{} // not synchronised: the role is
	handled := 0
	handle := func(_ context.Context, n int) (int, error) {
		handled++
		at := sent{sender: n / each, lane: n % each % o.Lanes}
		if n < last[at] {
			t.Errorf("%d came after %d", n, last[at])
		}
		last[at] = n
		outcomes[n].Add(1)
		return n, nil
	}
	s, ds := onLanes(t, funcs(handle), o, dispatcher.Options{})
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	var accepted, answered atomic.Int64
	var wg sync.WaitGroup
	for p := range senders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := range each {
				n := p*each + k
				d := ds[k%o.Lanes]
				var err error
				if (k+round)%3 == 0 {
					var got int
					if got, err = d.Request(context.Background(), n); err == nil && got != n {
						t.Errorf("request %d got the answer of %d", n, got)
					}
					// Close answers so what it accepted and did not handle, too.
					if err == nil {
						answered.Add(1)
						accepted.Add(1)
					}
				} else if err = d.Send(context.Background(), n); err == nil {
					accepted.Add(1)
				}
				if err != nil && !errors.Is(err, server.ErrServerClosed) {
					t.Errorf("message %d: %v", n, err)
				}
			}
		}()
	}
	for n := rand.IntN(300); n > 0; n-- {
		runtime.Gosched()
	}
	if graceful {
		require.NoError(t, s.Shutdown(context.Background()))
	} else {
		s.Close()
		<-s.Done()
	}
	wg.Wait()
	require.NoError(t, <-ran)
	total := int64(0)
	for n := range outcomes {
		if outcomes[n].Load() > 1 {
			t.Errorf("message %d had %d outcomes", n, outcomes[n].Load())
		}
		total += int64(outcomes[n].Load())
	}
	if total != accepted.Load() {
		t.Errorf("accepted %d, with an outcome %d", accepted.Load(), total)
	}
	st := audit(t, s, ds...)
	if st.Inline+st.Requests+st.Commands != uint64(handled) || graceful && (refused.Load() > 0 || st.Refused > 0) {
		t.Errorf("the numbers do not add up: %d handled, %+v", handled, st)
	}
}

// Panics, Goexits, cancels, offloads by key and an end, on all lanes at once:
// nobody hangs, and the numbers add up.
func TestLanesEverythingAtOnce(t *testing.T) {
	for _, m := range callerRuns {
		t.Run(m.name, func(t *testing.T) {
			for round := 0; round < scaled(100); round++ {
				p, err := pool.New(pool.Options{Workers: 2, QueueSize: 2})
				require.NoError(t, err)
				m.opts.Pool = p
				m.opts.Lanes = 3
				m.opts.Queue.Capacity = 4
				m.opts.DropOldest = round%3 == 0
				m.opts.Timing = round%5 == 0
				if m.opts.Shed = (server.ShedOptions{}); round/2%2 == 0 {
					m.opts.Shed = server.ShedOptions{Target: time.Nanosecond, Interval: 200 * time.Microsecond}
				}
				h := funcs(misbehave)
				h.Offload = func(n int) bool { return (n+round+1)%3 == 0 }
				h.Key = func(n int) (uint64, bool) { return uint64(n % 2), true }
				s, ds := onLanes(t, h, m.opts, dispatcher.Options{MaxInFlight: 6})
				go s.Run(context.Background())
				within(t, "everything at once", func() {
					var wg sync.WaitGroup
					for c := range 8 {
						wg.Add(1)
						go func() {
							defer wg.Done()
							r := rand.New(rand.NewPCG(uint64(round), uint64(c)))
							for range 50 {
								d := ds[r.IntN(len(ds))]
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
}

// Once a message was refused because of Close, none that is sent later is
// accepted, on whatever lane.
func TestLanesRefusalIsFinal(t *testing.T) {
	for round := 0; round < scaled(4_000); round++ {
		s, ds := onLanes(t, funcs(echo), server.Options{Lanes: 3, CallerRuns: server.CallerRunsNever}, dispatcher.Options{})
		var closedSince atomic.Bool
		fs := []func(){func() { s.Close() }}
		for p := range 2 {
			fs = append(fs, func() {
				for i := p; i < 300; i++ {
					refusedBefore := closedSince.Load()
					err := ds[i%3].TrySend(i)
					switch {
					case err == nil && refusedBefore:
						t.Error("accepted after a refusal")
					case errors.Is(err, server.ErrServerClosed):
						if closedSince.Swap(true) && i > 290 {
							return
						}
					}
				}
			})
		}
		testx.AtOnce(t, fs...)
		<-s.Done()
	}
}
