package server_test

import (
	"context"
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

// successor is a server, and when it is over, a queue.
type successor struct {
	srv
	over  *atomic.Bool
	after *queue.Ring[dispatcher.Envelope[int, int]]
}

func (s successor) TryPush(e dispatcher.Envelope[int, int]) error {
	if s.over.Load() {
		return s.after.TryPush(e)
	}
	return s.srv.TryPush(e)
}

// It does not end with the server.
func (successor) Closing() <-chan struct{} { return nil }

// Panics, Goexits, cancels, timeouts, offloads and the end of the server, all
// at random: afterwards each place in flight is there again, and no more.
func TestPlacesComeBack(t *testing.T) {
	const limit = 5
	each(t, func(t *testing.T, m mode) {
		for round := 0; round < scaled(100); round++ {
			p, err := pool.New(pool.Options{Workers: 2, QueueSize: 2})
			require.NoError(t, err)
			m.opts.Pool = p
			m.opts.Queue.Capacity = 4
			h := funcs(misbehave)
			h.Offload = func(n int) bool { return n%3 == 0 }
			s, err := server.New[int, int](h, m.opts)
			require.NoError(t, err)
			after, err := queue.NewRing[dispatcher.Envelope[int, int]](queue.Options{})
			require.NoError(t, err)
			to := successor{s, new(atomic.Bool), after}
			opts := dispatcher.Options{MaxInFlight: limit}
			if round%3 == 0 {
				opts.Timeout = 50 * time.Microsecond
			}
			d, err := dispatcher.New(to, opts)
			require.NoError(t, err)
			go s.Run(context.Background())
			client := func(seed int) {
				r := rand.New(rand.NewPCG(uint64(round), uint64(seed)))
				for i := 0; i < 30; i++ {
					ctx, cancel := context.WithCancel(context.Background())
					if r.IntN(4) == 0 {
						go cancel()
					}
					var one sync.WaitGroup
					one.Add(1)
					go func() { // a Goexit may end it
						defer one.Done()
						switch r.IntN(3) {
						case 0:
							d.Request(ctx, r.IntN(12)-4)
						case 1:
							d.Go(ctx, r.IntN(12)-4)
						case 2:
							reqs := []int{r.IntN(12) - 4, r.IntN(12) - 4, r.IntN(12) - 4}
							d.RequestAll(ctx, reqs, make([]dispatcher.Result[int], len(reqs)))
						}
					}()
					one.Wait()
					cancel()
				}
			}
			testx.Join(t, append(testx.Times(6, client), func() {
				for n := rand.IntN(1000); n > 0; n-- {
					runtime.Gosched()
				}
				if round%2 == 0 {
					s.Close()
					<-s.Done()
				} else if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})...)
			require.NoError(t, p.Shutdown(context.Background()))

			to.over.Store(true)
			untimed := context.Background()
			within(t, "a place is lost", func() {
				for i := 0; i < limit; i++ {
					_, err := d.Go(untimed, i)
					require.NoError(t, err)
				}
			})
			ctx, cancel := context.WithTimeout(untimed, time.Millisecond)
			_, err = d.Go(ctx, limit)
			cancel()
			require.Error(t, err, "a place too many")
		}
	})
}
