package server_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// Stats takes the role to read what owners have counted. That must cost nobody
// an outcome, and the sums must be exact as soon as all is at rest.
func TestStatsWhileServing(t *testing.T) {
	const clients, share = 8, 4000
	eachCallerRuns(t, func(t *testing.T, m mode) {
		s, d := start(t, funcs(func(_ context.Context, n int) (int, error) { return n, nil }), m.opts, dispatcher.Options{})
		var over atomic.Bool
		var looks, work sync.WaitGroup
		looks.Add(1)
		go func() {
			defer looks.Done()
			var last uint64
			for !over.Load() {
				st := s.Stats()
				sum := st.Inline + st.Requests + st.Commands
				assert.GreaterOrEqual(t, sum, last, "a count went back")
				last = sum
				runtime.Gosched() // on one processor, the others would wait 10 ms each time
			}
		}()
		for c := 0; c < clients; c++ {
			work.Add(1)
			go func() {
				defer work.Done()
				for i := 0; i < share; i++ {
					if i%4 == 3 {
						assert.NoError(t, d.Send(context.Background(), i))
						continue
					}
					v, err := d.Request(context.Background(), i)
					assert.NoError(t, err)
					assert.Equal(t, i, v)
				}
			}()
		}
		work.Wait()
		over.Store(true)
		looks.Wait()
		idle(t, s)
		st := s.Stats()
		require.EqualValues(t, clients*share/4, st.Commands)
		require.EqualValues(t, clients*share*3/4, st.Inline+st.Requests)
		require.NoError(t, s.Shutdown(context.Background()))
		require.Equal(t, st.Inline+st.Requests+st.Commands, func() uint64 {
			st := s.Stats()
			return st.Inline + st.Requests + st.Commands
		}(), "after the end")
	})
}

// Stats at rest are exact for all who look at once: one that finds the role in the
// hands of another does not take that for work.
func TestStatsAtOnceAtRest(t *testing.T) {
	for _, opts := range []server.Options{{CallerRuns: server.CallerRunsAlways}, {CallerRuns: server.CallerRunsAlways, Lanes: 2}} {
		s, d := start(t, funcs(echo), opts, dispatcher.Options{})
		for n := 1; n <= 40; n++ { // some are timed, and published by that
			idle(t, s)
			_, err := d.Request(context.Background(), 1)
			require.NoError(t, err)
			idle(t, s)
			inline := make(chan uint64, 1)
			server.WhileCounting(s, func() {
				go func() { inline <- s.Stats().Inline }()
				// Time for it to be wrong; it may wait until this is over.
				for end := time.Now().Add(5 * time.Millisecond); len(inline) == 0 && time.Now().Before(end); {
					runtime.Gosched()
				}
			})
			require.EqualValues(t, n, s.Stats().Inline)
			require.EqualValues(t, n, <-inline)
		}
	}
}
