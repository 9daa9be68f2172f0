package pprof_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	rpprof "runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pprof"
	"github.com/sparkpipe/sparkpipe/server"
)

var captured = []string{
	"allocs.pprof", "block.pprof", "cpu.pprof", "goroutine.pprof", "heap.pprof", "mutex.pprof", "trace.out",
}

func ls(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// check checks that all files of a Capture are there and whole, and no others.
func check(t testing.TB, dir string) {
	t.Helper()
	require.Equal(t, captured, ls(t, dir))
	for _, name := range captured {
		if name == "trace.out" {
			checkTrace(t, read(t, dir, name))
		} else {
			gunzip(t, read(t, dir, name))
		}
	}
}

// sees fails the test unless look, which profiles for a moment, has seen what it
// should. It has several tries: a program that others keep from running for that
// moment has done nothing that a profile could show.
func sees(t testing.TB, look func() bool) {
	t.Helper()
	for try := 0; try < 20; try++ {
		if look() {
			return
		}
	}
	t.Fatal("the profiles do not show what the program does")
}

// contend makes goroutines wait for each other until the end of the test.
func contend(t testing.TB) {
	var mu sync.Mutex
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-stop:
					return
				default:
					contending(&mu)
				}
			}
		}()
	}
	t.Cleanup(func() { close(stop); all.Wait() })
}

//go:noinline
func contending(mu *sync.Mutex) {
	mu.Lock()
	time.Sleep(100 * time.Microsecond)
	mu.Unlock()
}

func TestCapture(t *testing.T) {
	burn(t)
	contend(t)
	_, d := start(t, server.Options{Name: "captured-server", CallerRuns: server.CallerRunsNever})
	_, err := d.Request(context.Background(), 1)
	require.NoError(t, err)

	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	sees(t, func() bool {
		require.NoError(t, pprof.Capture(context.Background(), dir, 300*time.Millisecond))
		check(t, dir)
		return strings.Contains(gunzip(t, read(t, dir, "cpu.pprof")), "pprof_test.burning") &&
			strings.Contains(gunzip(t, read(t, dir, "mutex.pprof")), "pprof_test.contending") &&
			strings.Contains(gunzip(t, read(t, dir, "block.pprof")), "pprof_test.contending")
	})
	goroutines := gunzip(t, read(t, dir, "goroutine.pprof"))
	require.Contains(t, goroutines, "pprof_test.burning")
	require.Contains(t, goroutines, "captured-server")

	// Another Capture into the same dir replaces the files.
	before := read(t, dir, "trace.out")
	require.NoError(t, pprof.Capture(context.Background(), dir, time.Millisecond))
	check(t, dir)
	require.NotEqual(t, before, read(t, dir, "trace.out"))
}

// The mutex fraction is what it was, during the Capture too if the program has
// set one.
func TestCaptureRates(t *testing.T) {
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(-1))
	for _, set := range []int{0, 77} {
		runtime.SetMutexProfileFraction(set)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ended := make(chan error)
		go func() { ended <- pprof.Capture(ctx, t.TempDir(), patience) }()
		testx.Eventually(t, trace.IsEnabled, "the Capture starts")
		during := runtime.SetMutexProfileFraction(-1)
		cancel()
		require.Equal(t, context.Canceled, <-ended)
		require.Positive(t, during)
		if set > 0 {
			require.Equal(t, set, during)
		}
		require.Equal(t, set, runtime.SetMutexProfileFraction(-1))
	}
}

// When ctx ends, what was captured until then is there, whole.
func TestCaptureCtxEnds(t *testing.T) {
	burn(t)
	dir := t.TempDir()
	sees(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.Equal(t, context.DeadlineExceeded, pprof.Capture(ctx, dir, patience))
		require.Less(t, time.Since(began), patience)
		check(t, dir)
		require.False(t, trace.IsEnabled())
		return strings.Contains(gunzip(t, read(t, dir, "cpu.pprof")), "pprof_test.burning")
	})
}

// A second Capture is refused at once and touches nothing; the first goes on.
func TestCaptureConcurrent(t *testing.T) {
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := make(chan error)
	go func() { first <- pprof.Capture(ctx, dir, patience) }()
	testx.Eventually(t, trace.IsEnabled, "the first starts")
	for i := 0; i < 10; i++ {
		require.ErrorIs(t, pprof.Capture(context.Background(), other, patience), pprof.ErrBusy)
	}
	require.NoDirExists(t, other)
	cancel()
	require.Equal(t, context.Canceled, <-first)
	check(t, dir)

	// Of many at once, one works.
	errs := make(chan error)
	const n = 8
	for i := 0; i < n; i++ {
		go func() { errs <- pprof.Capture(context.Background(), dir, 10*time.Millisecond) }()
	}
	worked := 0
	for i := 0; i < n; i++ {
		if err := <-errs; err == nil {
			worked++
		} else {
			require.ErrorIs(t, err, pprof.ErrBusy)
		}
	}
	require.Positive(t, worked)
	check(t, dir)
}

// Where somebody else has the CPU profiler or the tracer, the rest is captured,
// and no old file stands for the one that is missing.
func TestCaptureProfilerInUse(t *testing.T) {
	for _, in := range []struct {
		missing string
		start   func() error
		stop    func()
	}{
		{"cpu.pprof", func() error { return rpprof.StartCPUProfile(discard{}) }, rpprof.StopCPUProfile},
		{"trace.out", func() error { return trace.Start(discard{}) }, trace.Stop},
	} {
		t.Run(in.missing, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, in.missing), []byte("old"), 0o600))
			require.NoError(t, in.start())
			defer in.stop()
			err := pprof.Capture(context.Background(), dir, time.Millisecond)
			require.ErrorIs(t, err, pprof.ErrBusy)
			require.ErrorContains(t, err, in.missing)
			require.NoFileExists(t, filepath.Join(dir, in.missing))
			require.Len(t, ls(t, dir), len(captured)-1)
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestCaptureBadDir(t *testing.T) {
	began := time.Now()
	ctx := context.Background()
	dir := t.TempDir()
	inTheWay := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(inTheWay, []byte("mine"), 0o600))
	require.ErrorContains(t, pprof.Capture(ctx, inTheWay, patience), inTheWay)
	require.ErrorContains(t, pprof.Capture(ctx, filepath.Join(inTheWay, "below"), patience), inTheWay)
	require.Equal(t, "mine", string(read(t, dir, "file")))
	require.ErrorContains(t, pprof.Capture(ctx, "", patience), "dir is empty")
	require.Less(t, time.Since(began), patience, "it must not profile first")

	// A directory where a file should go: this file is missing, the rest is not.
	dir = t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "heap.pprof", "full"), 0o700))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	go func() { ended <- pprof.Capture(ctx, dir, patience) }()
	testx.Eventually(t, trace.IsEnabled, "the Capture starts")
	cancel()
	err := <-ended
	require.ErrorContains(t, err, "heap.pprof")
	require.ErrorIs(t, err, context.Canceled, "both are told")
	require.Equal(t, captured, ls(t, dir))
	require.Equal(t, []string{"full"}, ls(t, filepath.Join(dir, "heap.pprof")))
}

func TestCaptureBadInput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "untouched")
	require.PanicsWithValue(t, "pprof: nil Context", func() {
		pprof.Capture(nil, dir, time.Second) //lint:ignore SA1012 it is what is tested
	})
	for _, d := range []time.Duration{0, -1} {
		require.ErrorContains(t, pprof.Capture(context.Background(), dir, d), "not positive")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, pprof.Capture(ctx, dir, time.Second))
	require.NoDirExists(t, dir)
}
