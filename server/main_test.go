package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if os.Getenv("SERVER_TEST_LOG") != "" {
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	goleak.VerifyTestMain(m,
		// Importing ants, as the tests with a pool do, starts these two.
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
		// ZenQ, on Go 1.22, leaves one for each queue.
		goleak.IgnoreTopFunction("github.com/alphadose/zenq/v2.(*ZenQ[...]).selectSender"),
	)
}

// The modes in which a server can work.
type mode struct {
	name string
	opts server.Options
}

// serial reports whether handler calls of the mode never overlap.
func (m mode) serial() bool { return m.opts.Concurrency <= 1 }

func modes() []mode {
	ms := []mode{
		{"auto", server.Options{}},
		{"always", server.Options{CallerRuns: server.CallerRunsAlways}},
		{"never", server.Options{CallerRuns: server.CallerRunsNever}},
		{"lanes", server.Options{Lanes: 3}},
		{"loops", server.Options{Concurrency: 4}},
		{"chan", server.Options{Queue: queue.Options{Backend: queue.BackendChan}}},
	}
	if _, err := queue.New[int](queue.Options{Backend: queue.BackendZenQ}); err == nil && !testx.Race {
		ms = append(ms, mode{"zenq", server.Options{Queue: queue.Options{Backend: queue.BackendZenQ}}})
	}
	return ms
}

// each runs f in every mode.
func each(t *testing.T, f func(t *testing.T, m mode)) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) { f(t, m) })
	}
}

// The handler of most tests: a function for requests and commands alike.
type handlerFunc = func(ctx context.Context, n int) (int, error)

func funcs(f handlerFunc) server.Funcs[int, int] {
	return server.Funcs[int, int]{
		Request: f,
		Command: func(ctx context.Context, n int) error { _, err := f(ctx, n); return err },
	}
}

func echo(_ context.Context, n int) (int, error) { return n, nil }

type (
	srv  = *server.Server[int, int]
	disp = *dispatcher.Dispatcher[int, int]
)

func newServer(t testing.TB, h server.Handler[int, int], so server.Options, do dispatcher.Options) (srv, disp) {
	t.Helper()
	s, err := server.New(h, so)
	require.NoError(t, err)
	d, err := dispatcher.New(s, do)
	require.NoError(t, err)
	return s, d
}

// spread returns dispatchers for all lanes of s, the given one being lane 0's.
func spread(t testing.TB, s srv, d disp, do dispatcher.Options) (ds []disp) {
	t.Helper()
	for i := 0; ; i++ {
		if _, err := s.Lane(i); err != nil {
			return ds
		}
		if do.Lane = i; i > 0 {
			var err error
			d, err = dispatcher.New(s, do)
			require.NoError(t, err)
		}
		ds = append(ds, d)
	}
}

// start runs a server until the end of the test, which must not hang.
func start(t testing.TB, h server.Handler[int, int], so server.Options, do dispatcher.Options) (srv, disp) {
	t.Helper()
	s, d := newServer(t, h, so, do)
	run(t, s)
	return s, d
}

func run(t testing.TB, s srv) {
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	t.Cleanup(func() {
		s.Close()
		testx.Recv(t, ended)
	})
}

// patience is how long a test waits before it calls something hung. It is no
// bound on anything's speed, and some loads take 10 s of a whole machine.
const patience = 4 * time.Minute

// prove makes the handler known as fast, for CallerRunsAuto.
func prove(t testing.TB, s srv, d disp, n int) {
	t.Helper()
	for i := 0; i < 100_000 && !s.Stats().Fast; i++ {
		_, err := d.Request(context.Background(), n)
		require.NoError(t, err)
	}
	require.True(t, s.Stats().Fast)
}

func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("hung: %s\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// goid names the goroutine that calls it.
func goid() string {
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

func newPool(t testing.TB, opts pool.Options) *pool.Pool {
	t.Helper()
	p, err := pool.New(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	return p
}

var errTest = fmt.Errorf("errTest")
