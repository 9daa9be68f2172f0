package pprof_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Importing ants, as the tests with a pool do, starts these two.
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
	)
}

// patience is how long a test waits before it calls something hung. It is no
// bound on anything's speed.
const patience = time.Minute

// gunzip returns what is in a profile: among other things, the names of
// functions and labels as they are.
func gunzip(t testing.TB, profile []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(profile))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err, "the profile must be whole")
	require.NotEmpty(t, text)
	return string(text)
}

// checkTrace checks that this begins as an execution trace does.
func checkTrace(t testing.TB, trace []byte) {
	t.Helper()
	require.Greater(t, len(trace), 16)
	require.Regexp(t, `^go 1\.\d+ trace\x00\x00\x00`, string(trace[:16]))
}

// burn keeps a CPU busy until the end of the test.
func burn(t testing.TB) {
	stop, ended := make(chan struct{}), make(chan int)
	go func() { ended <- burning(stop) }()
	t.Cleanup(func() { close(stop); <-ended })
}

//go:noinline
func burning(stop <-chan struct{}) (n int) {
	for {
		select {
		case <-stop:
			return n
		default:
			for i := 0; i < 1000; i++ {
				n = n*31 + i
			}
		}
	}
}

// start runs a server until the end of the test, which must not hang.
func start(t testing.TB, opts server.Options) (*server.Server[int, int], *dispatcher.Dispatcher[int, int]) {
	t.Helper()
	h := server.Funcs[int, int]{
		Request: func(_ context.Context, n int) (int, error) { return n, nil },
		Command: func(context.Context, int) error { return nil },
	}
	s, err := server.New[int, int](h, opts)
	require.NoError(t, err)
	d, err := dispatcher.New(s, dispatcher.Options{})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	t.Cleanup(func() {
		s.Close()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	})
	return s, d
}
