package server_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Panics, Goexits, cancels, pools that are full and an end at a random moment:
// each message has its one outcome, a key's messages never overlap, and nothing
// is remembered.
func TestKeyConservation(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		within(t, "a round", func() {
			for round := 0; round < scaled(1000); round++ {
				keyRound(t, m, round)
				if t.Failed() {
					return
				}
			}
		})
	})
}

func keyRound(t *testing.T, m mode, round int) {
	const senders, each, keys = 4, 24, 3
	p, err := pool.New(pool.Options{Workers: 1 + round%3, QueueSize: 2})
	require.NoError(t, err)
	m.opts.Pool = p
	m.opts.Queue.Capacity = 2 << (round % 3)
	var outcomes [senders * each]atomic.Int32
	m.opts.OnCommandError = func(cmd any, _ error) {
		if n := cmd.(int); n%11 != 0 {
			outcomes[n].Add(1)
		} else {
			outcomes[n].Store(1) // a hook that does not return may be called again
			runtime.Goexit()
		}
	}
	var inside [keys]int // not synchronised: the keys are
	h := server.Funcs[int, int]{
		Request: func(_ context.Context, n int) (int, error) {
			inside[n%keys]++
			return misbehave(context.Background(), n%13-4)
		},
		Command: func(_ context.Context, n int) error {
			inside[n%keys]++
			_, err := misbehave(context.Background(), n%13-4)
			if err == nil {
				outcomes[n].Add(1)
			}
			return err
		},
		Offload: func(int) bool { return true },
		Key:     func(n int) (uint64, bool) { return uint64(n % keys), true },
	}
	s, d := newServer(t, h, m.opts, dispatcher.Options{})
	ds := spread(t, s, d, dispatcher.Options{})
	go s.Run(context.Background())
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for c := 0; c < senders; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			d := ds[c%len(ds)]
			for i := 0; i < each; i++ {
				n := c*each + i
				if i%3 != 0 {
					if d.Send(context.Background(), n) == nil {
						accepted.Add(1)
					}
					continue
				}
				ctx, cancel := context.WithCancel(context.Background())
				if i%2 == 0 {
					go cancel()
				}
				d.Request(ctx, n) // it must return
				cancel()
			}
		}()
	}
	for n := rand.IntN(1000); n > 0; n-- {
		runtime.Gosched()
	}
	if round%2 == 0 {
		require.NoError(t, s.Shutdown(context.Background()))
	} else {
		s.Close()
		<-s.Done()
	}
	wg.Wait()
	require.NoError(t, p.Shutdown(context.Background()))
	total := int64(0)
	for n := range outcomes {
		total += int64(outcomes[n].Load())
		if outcomes[n].Load() > 1 {
			t.Errorf("command %d had %d outcomes", n, outcomes[n].Load())
		}
	}
	if total != accepted.Load() {
		t.Errorf("accepted %d commands, with an outcome %d", accepted.Load(), total)
	}
	noKeysInUse(t, s)
	if st := s.Stats(); st.Queue.Pushed != st.Requests+st.Commands+st.Expired+st.Refused+st.PoolFull || st.Backlog != 0 {
		t.Errorf("the numbers do not add up: %+v", st)
	}
}

// A pool that takes a message or refuses it, panics or calls Goexit, as it likes,
// also when it is asked by its own worker for the next of a key.
func TestKeyWithWildPool(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		var wg sync.WaitGroup
		m.opts.Pool = executor(func(task server.Task) error {
			switch rand.IntN(6) {
			case 0:
				return errTest
			case 1:
				panic("boom")
			case 2:
				runtime.Goexit()
			}
			wg.Add(1)
			go func() { defer wg.Done(); task.Run() }()
			return nil
		})
		var n int // of the one key
		h := funcs(func(_ context.Context, v int) (int, error) { n++; return v, nil })
		h.Offload = func(int) bool { return true }
		h.Key = func(int) (uint64, bool) { return 1, true }
		s, d := start(t, h, m.opts, dispatcher.Options{})
		within(t, "a wild pool", func() {
			var calls []*dispatcher.Call[int]
			for i := 0; i < 500; i++ {
				c, err := d.Go(context.Background(), i)
				require.NoError(t, err)
				calls = append(calls, c)
			}
			ok := 0
			for _, c := range calls {
				if _, err := c.Wait(context.Background()); err == nil {
					ok++
				}
			}
			require.NoError(t, s.Shutdown(context.Background()))
			wg.Wait()
			require.Equal(t, n, ok)
			require.Positive(t, ok)
		})
		noKeysInUse(t, s)
	})
}

// Nothing is allocated for a key, be it a new one each time.
func TestKeyAllocations(t *testing.T) {
	if testx.Race {
		t.Skip("sync.Pool drops objects at random under the race detector")
	}
	h := offloading(echo)
	h.Key = func(n int) (uint64, bool) { return uint64(n), true }
	_, d := start(t, h, server.Options{Pool: newPool(t, pool.Options{Workers: 2})}, dispatcher.Options{})
	ctx := context.Background()
	n := 100
	require.Zero(t, testing.AllocsPerRun(5000, func() { n++; d.Request(ctx, n) }))
	batch := make([]int, 64)
	out := make([]dispatcher.Result[int], len(batch))
	require.Zero(t, testing.AllocsPerRun(200, func() {
		for i := range batch {
			batch[i] = n + i/4 // four wait for one another
		}
		n += 16
		d.RequestAll(ctx, batch, out)
	}))
}
