package server_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// Whoever waits for the rate limit learns of the server's end, and nobody waits for it
// after that: nothing waits for ever.
func TestRateWaitersLearnOfTheEnd(t *testing.T) {
	bg := context.Background()
	slow := dispatcher.Options{RateLimit: 1e-3, Burst: 1}
	limiters := map[string]func() dispatcher.Options{
		"RateLimit": func() dispatcher.Options { return slow },
		"Limiter":   func() dispatcher.Options { return dispatcher.Options{Limiter: rate.NewLimiter(1e-3, 1)} },
		"Timeout": func() dispatcher.Options {
			return dispatcher.Options{RateLimit: 1e-3, Burst: 1, Timeout: 100 * 24 * 3600e9}
		},
	}
	sends := map[string]func(d disp) error{
		"Request": func(d disp) error { _, err := d.Request(bg, 1); return err },
		"Go":      func(d disp) error { _, err := d.Go(bg, 1); return err },
		"Send":    func(d disp) error { return d.Send(bg, 1) },
		"RequestAll": func(d disp) error {
			return d.RequestAll(bg, []int{1, 2}, make([]dispatcher.Result[int], 2))
		},
		"SendAll": func(d disp) error { _, err := d.SendAll(bg, []int{1, 2}); return err },
	}
	ends := map[string]func(s srv, cancel func()) error{
		"Shutdown": func(s srv, _ func()) error { return s.Shutdown(bg) },
		"Close":    func(s srv, _ func()) error { return s.Close() },
		"ctx":      func(s srv, cancel func()) error { cancel(); <-s.Done(); return nil },
	}
	for name, options := range limiters {
		for how, end := range ends {
			t.Run(name+"/"+how, func(t *testing.T) {
				each(t, func(t *testing.T, m mode) {
					s, first := newServer(t, funcs(echo), m.opts, options())
					ctx, cancel := context.WithCancel(bg)
					defer cancel()
					ran := make(chan error, 1)
					go func() { ran <- s.Run(ctx) }()
					var waiting []<-chan error
					all := []disp{first}
					if name != "Limiter" { // the lanes would share it
						all = spread(t, s, first, options())
					}
					for _, d := range all {
						require.NoError(t, d.Send(bg, 0)) // the token
						for _, send := range sends {
							waiting = append(waiting, testx.Park(t, func() error { return send(d) }))
						}
					}
					require.NoError(t, end(s, cancel))
					for _, w := range waiting {
						require.ErrorIs(t, testx.Recv(t, w), server.ErrServerClosed)
					}
					for _, d := range all {
						for _, send := range sends {
							require.ErrorIs(t, send(d), server.ErrServerClosed)
						}
						require.ErrorIs(t, d.TrySend(1), server.ErrServerClosed)
						require.Zero(t, d.Stats().RateLimited)
					}
					testx.Recv(t, ran)
				})
			})
		}
	}
}

// Also if they would not have waited.
func TestClosedBeforeRateLimited(t *testing.T) {
	s, d := start(t, funcs(echo), server.Options{}, dispatcher.Options{RateLimit: 1e-3, Burst: 1, Overflow: dispatcher.Reject})
	require.NoError(t, d.Send(context.Background(), 0))
	require.Equal(t, dispatcher.ErrRateLimited, d.Send(context.Background(), 1))
	require.NoError(t, s.Shutdown(context.Background()))
	require.ErrorIs(t, d.Send(context.Background(), 1), server.ErrServerClosed)
	_, err := d.Request(context.Background(), 1)
	require.ErrorIs(t, err, server.ErrServerClosed)
}

// So do those that wait for a place in flight, though a call that has one of them does
// not return; and those that come later, who do not wait for it.
func TestPlaceWaitersLearnOfTheEnd(t *testing.T) {
	bg := context.Background()
	sends := map[string]func(d disp) error{
		"Request": func(d disp) error { _, err := d.Request(bg, 1); return err },
		"Go":      func(d disp) error { _, err := d.Go(bg, 1); return err },
		"RequestAll": func(d disp) error {
			return d.RequestAll(bg, []int{1, 2}, make([]dispatcher.Result[int], 2))
		},
	}
	ends := map[string]func(s srv){
		"Shutdown": func(s srv) { ctx, cancel := context.WithCancel(bg); cancel(); s.Shutdown(ctx) },
		"Close":    func(s srv) { s.Close() },
	}
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				inside, leave := make(chan struct{}), make(chan struct{})
				h := func(context.Context, int) (int, error) { close(inside); <-leave; return 0, nil }
				s, d := start(t, funcs(h), m.opts, dispatcher.Options{MaxInFlight: 1})
				goOn := sync.OnceFunc(func() { close(leave) })
				defer goOn()
				first := testx.Park(t, func() error { _, err := d.Request(bg, 0); return err })
				testx.Recv(t, inside)
				var waiting []<-chan error
				for _, send := range sends {
					waiting = append(waiting, testx.Park(t, func() error { return send(d) }))
				}
				end(s)
				for _, w := range waiting {
					require.ErrorIs(t, testx.Recv(t, w), server.ErrServerClosed)
				}
				for _, send := range sends {
					require.ErrorIs(t, send(d), server.ErrServerClosed)
				}
				goOn()
				require.NoError(t, testx.Recv(t, first))
			})
		})
	}
}

// Also if they would not have waited.
func TestClosedBeforeInFlight(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	h := func(context.Context, int) (int, error) { close(inside); <-leave; return 0, nil }
	defer close(leave)
	s, d := start(t, funcs(h), server.Options{}, dispatcher.Options{MaxInFlight: 1, Overflow: dispatcher.Reject})
	_, err := d.Go(context.Background(), 0)
	require.NoError(t, err)
	testx.Recv(t, inside)
	_, err = d.Request(context.Background(), 1)
	require.Equal(t, dispatcher.ErrInFlight, err)
	s.Close()
	_, err = d.Request(context.Background(), 1)
	require.ErrorIs(t, err, server.ErrServerClosed)
	require.EqualValues(t, 1, d.Stats().InFlightFull)
}
