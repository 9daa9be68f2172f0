package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// The token of a handler whose Start failed ends, in whatever way it did, and what
// Start began with it can end; that of the one that took its place does not.
func TestTokenOfAFailedStart(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error":  func() error { return errTest },
		"panic":  func() error { panic(errTest) },
		"Goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			tr := troupe{start: func(nth int) error {
				if nth == 1 {
					return fail()
				}
				return nil
			}}
			s, d := start(t, tr.supervise(t, eager), server.Options{}, dispatcher.Options{})
			_, err := d.Request(context.Background(), doPanic)
			require.Error(t, err)
			_, err = d.Request(context.Background(), 1)
			require.NoError(t, err)
			actors := tr.all()
			require.Len(t, actors, 3)
			require.Error(t, actors[1].token.Err())
			require.NoError(t, actors[2].token.Err())
			require.NoError(t, s.Shutdown(context.Background()))
		})
	}
}

// What fails because the server ends is not one restart too many: the Start that gave up
// with its token, and the call that Close did not wait for.
func TestEndIsNoFailure(t *testing.T) {
	ends := map[string]func(s srv) error{
		"Shutdown": func(s srv) error { return s.Shutdown(context.Background()) },
		"Close":    srv.Close,
	}
	once := server.RestartOptions{Max: 1, Within: time.Hour, Backoff: -1}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{})
			tr := troupe{}
			tr.start = func(nth int) error {
				if nth == 0 {
					return nil
				}
				close(began)
				token := tr.all()[nth].token
				<-token.Done()
				return token.Err()
			}
			s, d := newServer(t, tr.supervise(t, once), server.Options{}, dispatcher.Options{})
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background()) }()
			_, err := d.Request(context.Background(), doPanic)
			require.Error(t, err)
			testx.Recv(t, began)
			require.NoError(t, end(s))
			require.NoError(t, testx.Recv(t, ran))
			require.Len(t, tr.all(), 2)
		})
	}
	t.Run("call", func(t *testing.T) {
		inside := make(chan struct{})
		var s srv
		h, err := server.Supervise(func() (server.Handler[int, int], error) {
			return funcs(func(_ context.Context, n int) (int, error) {
				if n == 1 {
					close(inside)
					<-s.Context().Done()
				}
				panic(errTest)
			}), nil
		}, once)
		require.NoError(t, err)
		s, d := newServer(t, h, server.Options{}, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		_, err = d.Request(context.Background(), 0)
		require.ErrorIs(t, err, errTest)
		call := testx.Park(t, func() error { _, err := d.Request(context.Background(), 1); return err })
		testx.Recv(t, inside)
		s.Close()
		require.ErrorIs(t, testx.Recv(t, call), errTest)
		require.NoError(t, testx.Recv(t, ran))
	})
}

// What a handler panicked with is asked for its text without a lock: that may be a method
// which asks the server something.
func TestTextOfAFailure(t *testing.T) {
	var s srv
	h, err := server.Supervise(func() (server.Handler[int, int], error) {
		return funcs(func(context.Context, int) (int, error) { panic(asks{s}) }), nil
	}, server.RestartOptions{Max: 1, Within: time.Hour, Backoff: -1})
	require.NoError(t, err)
	var d disp
	s, d = newServer(t, h, server.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, dispatcher.Options{})
	for range 2 {
		require.NoError(t, d.Send(context.Background(), 1))
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	require.ErrorIs(t, testx.Recv(t, ran), server.ErrTooManyRestarts)
}

// asks is an error that says what its server does.
type asks struct{ s srv }

func (a asks) Error() string {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return fmt.Sprint(a.s.Shutdown(ctx))
}

// A Logger that panics, or calls Goexit, keeps no handler from being restarted, and
// no server from ending when that was too often: the failure of a call, of build or
// of Start is logged when all else has been done.
func TestLoggerFails(t *testing.T) {
	for name, logger := range map[string]failingLog{
		"panics": func() { panic("the Logger") },
		"Goexit": func() { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				m.opts.Logger = slog.New(logger)
				tr := troupe{fail: func(nth int) error {
					if nth == 1 {
						return errTest
					}
					return nil
				}}
				s, d := newServer(t, tr.supervise(t, server.RestartOptions{Max: 4, Within: time.Hour, Backoff: -1}), m.opts, dispatcher.Options{})
				ran := make(chan error, 1)
				go func() { ran <- s.Run(context.Background()) }()
				within(t, "the restarts", func() {
					for {
						c, err := d.Go(context.Background(), doPanic)
						if err != nil {
							break
						}
						_, err = c.Wait(context.Background())
						require.Error(t, err)
						if name == "panics" && !errors.Is(err, server.ErrServerClosed) {
							var p *server.PanicError
							require.ErrorAs(t, err, &p)
							require.Equal(t, "boom", p.Value, "the handler's, and not the Logger's")
						}
					}
					require.ErrorIs(t, <-ran, server.ErrTooManyRestarts)
				})
				require.Positive(t, s.Stats().Restarts)
			})
		})
	}
}

// The log tells where a handler panicked: the caller of a request may not, and a
// command has none.
func TestRestartIsLoggedWithItsStack(t *testing.T) {
	logged := make(chan string, 3)
	opts := server.Options{Logger: slog.New(slog.NewTextHandler(chanWriter(logged), nil))}
	tr := new(troupe)
	_, d := start(t, tr.supervise(t, server.RestartOptions{Max: 1, Within: time.Hour, Backoff: -1}), opts, dispatcher.Options{})
	for _, text := range []string{"is restarted", "is not restarted"} {
		_, err := d.Request(context.Background(), doPanic)
		require.ErrorAs(t, err, new(*server.PanicError))
		line := testx.Recv(t, logged)
		require.Contains(t, line, text)
		require.Contains(t, line, "server_test.(*actor).HandleRequest(")
	}
}

type chanWriter chan string

func (w chanWriter) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

// A request whose Offload fails is one failure, whosever goroutine asks, and has its
// outcome there.
func TestOffloadFailsOnce(t *testing.T) {
	for name, opts := range map[string]server.Options{
		"auto":  {},
		"never": {CallerRuns: server.CallerRunsNever},
		"lanes": {Lanes: 2},
		"loops": {Concurrency: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			failed := 0
			h, err := server.Supervise(func() (server.Handler[int, int], error) {
				h := funcs(echo)
				h.Offload = func(n int) bool {
					if n >= 0 {
						return false
					}
					asked.Add(1)
					if n == doGoexit {
						runtime.Goexit()
					}
					panic("Offload")
				}
				return h, nil
			}, server.RestartOptions{Max: 2, Within: time.Hour, Backoff: -1})
			require.NoError(t, err)
			opts.Pool = closedPool{}
			s, d := newServer(t, h, opts, dispatcher.Options{})
			run(t, s)
			for _, n := range []int{doPanic, doGoexit} {
				if name == "auto" || name == "lanes" {
					prove(t, s, d, 1)
					idle(t, s)
				}
				returned := make(chan error, 1)
				go func() {
					err := server.ErrGoexit // of this goroutine
					defer func() { returned <- err }()
					_, err = d.Request(context.Background(), n)
				}()
				err := <-returned
				if n == doGoexit {
					require.Equal(t, server.ErrGoexit, err)
				} else {
					var p *server.PanicError
					require.ErrorAs(t, err, &p)
					require.Equal(t, "Offload", p.Value)
				}
				failed++
				require.EqualValues(t, failed, asked.Load())
				_, err = d.Request(context.Background(), 1) // by the next handler
				require.NoError(t, err)
			}
			require.NoError(t, s.Shutdown(context.Background()))
			st := audit(t, s, d)
			require.EqualValues(t, 2, st.Restarts)
			require.EqualValues(t, 2, st.Panicked)
		})
	}
}

// Middleware that recovers a panic and tries again does not reach the handler that
// failed, where calls run one at a time.
func TestRetryAfterAFailure(t *testing.T) {
	retry := func(next func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
		return func(ctx context.Context, n int) (int, error) {
			func() {
				defer func() { _ = recover() }()
				_, _ = next(ctx, n)
			}()
			return next(ctx, n)
		}
	}
	each(t, func(t *testing.T, m mode) {
		if !m.serial() {
			t.Skip("calls run beside each other")
		}
		var tr troupe
		h := server.Use(tr.supervise(t, server.RestartOptions{Backoff: time.Hour}), retry)
		s, d := newServer(t, h, m.opts, dispatcher.Options{})
		run(t, s)
		if m.name == "auto" || m.name == "lanes" {
			prove(t, s, d, 0)
			idle(t, s)
		}
		_, err := d.Request(context.Background(), doPanic)
		require.Equal(t, server.ErrRestarting, err)
		require.NoError(t, s.Close())
		<-s.Done()
		require.Zero(t, s.Stats().Panicked, "the middleware has seen to it")

		tr = troupe{}
		s, d = start(t, server.Use(tr.supervise(t, eager), retry), m.opts, dispatcher.Options{})
		_, err = d.Request(context.Background(), doPanic)
		require.Error(t, err) // of the retry, by the next handler or for want of it
		sum, err := d.Request(context.Background(), 1)
		require.NoError(t, err)
		require.Equal(t, 2, sum, "by another one, asked twice")
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// failingLog is a slog.Handler that fails as the function does.
type failingLog func()

func (f failingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (f failingLog) Handle(context.Context, slog.Record) error { f(); return nil }
func (f failingLog) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f failingLog) WithGroup(string) slog.Handler             { return f }
