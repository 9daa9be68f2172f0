package server_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// What a Logger does is its own affair.

// hooked is a slog.Handler that does what it is told.
type hooked func(msg string)

func (h hooked) Enabled(context.Context, slog.Level) bool { return true }
func (h hooked) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h hooked) WithGroup(string) slog.Handler            { return h }

func (h hooked) Handle(_ context.Context, r slog.Record) error {
	h(r.Message)
	return nil
}

// heldUp is a server whose only handler call does not return until it is released,
// with a message behind it; log is called when it is logged that it is stuck.
func heldUp(t *testing.T, log func()) (s srv, release func()) {
	released, entered := make(chan struct{}), make(chan struct{}, 4)
	s, d := start(t, funcs(func(context.Context, int) (int, error) {
		entered <- struct{}{}
		<-released
		return 0, nil
	}), server.Options{SlowHandler: 20 * time.Millisecond, Logger: slog.New(hooked(func(msg string) {
		if strings.Contains(msg, "holds up") {
			log()
		}
	}))}, dispatcher.Options{})
	require.NoError(t, d.Send(context.Background(), 1))
	testx.Recv(t, entered)
	require.NoError(t, d.Send(context.Background(), 1))
	return s, func() { close(released) }
}

func endsSoon(s srv) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	return s.Shutdown(ctx)
}

func TestShutdownBesideASlowLogger(t *testing.T) {
	logging, logged := make(chan struct{}), make(chan struct{})
	s, release := heldUp(t, func() {
		close(logging)
		<-logged
	})
	testx.Recv(t, logging)
	within(t, "a Shutdown with a ctx", func() { require.ErrorIs(t, endsSoon(s), context.DeadlineExceeded) })
	release()
	select {
	case <-s.Done():
		require.FailNow(t, "it has ended, and still logs")
	case <-time.After(10 * time.Millisecond):
	}
	close(logged)
	testx.Recv(t, s.Done())
}

func TestShutdownByTheLogger(t *testing.T) {
	var s srv
	started, shut := make(chan struct{}), make(chan error, 1)
	s, release := heldUp(t, func() {
		<-started
		shut <- endsSoon(s)
	})
	close(started)
	require.ErrorIs(t, testx.Recv(t, shut), context.DeadlineExceeded)
	release()
	testx.Recv(t, s.Done())
}

func TestLoggerThatPanics(t *testing.T) {
	logged := make(chan string, 8)
	s, d := start(t, funcs(func(_ context.Context, n int) (int, error) {
		if n == 1 {
			return 0, errors.New("one")
		}
		return n, nil
	}), server.Options{Name: "panics", Logger: slog.New(hooked(func(msg string) {
		logged <- msg
		panic(msg)
	})), OnCommandError: func(any, error) { panic("the hook, too") }}, dispatcher.Options{})
	require.NoError(t, d.Send(context.Background(), 1))
	require.Contains(t, testx.Recv(t, logged), "command failed")
	require.Contains(t, testx.Recv(t, logged), "OnCommandError panicked")
	n, err := d.Request(context.Background(), 2)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, s.Shutdown(context.Background()))
	require.Zero(t, s.Stats().Panicked)
}

// A Logger that ends the goroutine keeps nothing from the hook.
func TestGoexitInTheLogger(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		told := make(chan any, 3)
		m.opts.Logger = slog.New(hooked(func(string) { runtime.Goexit() }))
		m.opts.OnCommandError = func(cmd any, err error) { told <- cmd }
		_, d := start(t, funcs(func(_ context.Context, n int) (int, error) {
			if n == 2 {
				panic("handler")
			}
			return 0, errTest
		}), m.opts, dispatcher.Options{})
		for n := 1; n < 4; n++ {
			require.NoError(t, d.Send(context.Background(), n))
			require.Equal(t, n, testx.Recv(t, told))
		}
		_, err := d.Request(context.Background(), 1)
		require.Equal(t, errTest, err)
	})
}
