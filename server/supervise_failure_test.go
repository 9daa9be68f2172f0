package server_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
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
