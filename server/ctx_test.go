package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// Contexts of types that are not package context's.

// custom is a ctx with methods of its own; nil: the embedded ones.
type custom struct {
	context.Context
	err      func() error
	deadline func() (time.Time, bool)
}

func (c custom) Err() error {
	if c.err == nil {
		return c.Context.Err()
	}
	return c.err()
}

func (c custom) Deadline() (time.Time, bool) {
	if c.deadline == nil {
		return c.Context.Deadline()
	}
	return c.deadline()
}

// A ctx that says that it has no deadline has none, whatever time it gives with that.
func TestNoDeadline(t *testing.T) {
	for _, law := range []server.ShedLaw{server.ShedSlough, server.ShedCoDel} {
		_, d := start(t, funcs(echo), server.Options{
			CallerRuns: server.CallerRunsNever, Shed: server.ShedOptions{Target: time.Hour, Law: law},
		}, dispatcher.Options{})
		past := time.Now().Add(-time.Hour)
		n, err := d.Request(custom{Context: context.Background(), deadline: func() (time.Time, bool) { return past, false }}, 1)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
}
