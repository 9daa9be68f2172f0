package pool_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rpprof "runtime/pprof"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/queue"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	goleak.VerifyTestMain(m, // importing ants starts these two; see doc.go
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"))
}

var bg = context.Background()

func newPool(t testing.TB, opts pool.Options) *pool.Pool {
	t.Helper()
	p, err := pool.New(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Shutdown(bg)) })
	return p
}

// fill occupies all workers and the whole queue until release is called.
func fill(t testing.TB, p *pool.Pool) (release func()) {
	stuck := make(chan struct{})
	workers := p.Stats().Workers
	var started sync.WaitGroup
	started.Add(workers)
	for i := 0; i < workers; i++ {
		require.NoError(t, p.Submit(bg, pool.Func(func() { started.Done(); <-stuck })))
	}
	started.Wait()
	for p.TrySubmit(pool.Func(func() {})) == nil {
	}
	release = sync.OnceFunc(func() { close(stuck) })
	t.Cleanup(release)
	return release
}

func TestNewRefuses(t *testing.T) {
	for names, opts := range map[string]pool.Options{
		"Workers":     {Workers: -1},
		"QueueSize":   {QueueSize: -1},
		"IdleTimeout": {IdleTimeout: -1},
	} {
		p, err := pool.New(opts)
		require.Nil(t, p)
		require.ErrorContains(t, err, names)
	}
	_, err := pool.New(pool.Options{Workers: pool.MaxWorkers + 1})
	require.ErrorContains(t, err, "Workers")
	p := newPool(t, pool.Options{})
	require.Equal(t, runtime.GOMAXPROCS(0), p.Stats().Workers)
	require.Equal(t, pool.DefaultQueueSize, p.Stats().QueueCap)
	require.Zero(t, p.Stats().Running)
}

type task struct{}

func (*task) Run() {}

func TestSubmitRefuses(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 1, QueueSize: 2})
	for _, nothing := range []pool.Task{nil, pool.Func(nil), (*task)(nil)} {
		require.Equal(t, pool.ErrNilTask, p.Submit(bg, nothing))
		require.Equal(t, pool.ErrNilTask, p.TrySubmit(nothing))
	}
	var none context.Context
	require.Panics(t, func() { p.Submit(none, &task{}) })
	require.Panics(t, func() { p.Shutdown(none) })

	ran := make(chan struct{}, 1)
	mark := pool.Func(func() { ran <- struct{}{} })
	ended, cancel := context.WithCancel(bg)
	cancel()
	require.Equal(t, context.Canceled, p.Submit(ended, mark)) // though there is room

	release := fill(t, p)
	err := p.TrySubmit(mark)
	require.Equal(t, pool.ErrFull, err)
	require.ErrorIs(t, err, queue.ErrFull)
	ctx, cancel := context.WithTimeout(bg, 5*time.Millisecond)
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, p.Submit(ctx, mark))
	release()
	require.NoError(t, p.Shutdown(bg))
	require.Empty(t, ran)
	err = p.Submit(bg, mark)
	require.Equal(t, pool.ErrClosed, err)
	require.ErrorIs(t, err, queue.ErrClosed)
	require.Equal(t, pool.ErrClosed, p.TrySubmit(mark))
}

// gauge counts how many tasks run at once.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) do(f func()) pool.Func {
	return func() {
		n := g.now.Add(1)
		for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
		}
		f()
		g.now.Add(-1)
	}
}

func TestNeverMoreThanWorkers(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 3, QueueSize: 8})
	var g gauge
	var wg sync.WaitGroup
	for c := 0; c < 16; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 500; i++ {
				require.NoError(t, p.Submit(bg, g.do(runtime.Gosched)))
			}
		}()
	}
	wg.Wait()
	require.NoError(t, p.Shutdown(bg))
	require.LessOrEqual(t, g.most.Load(), int64(3))
	s := p.Stats()
	require.EqualValues(t, 8000, s.Done)
	require.EqualValues(t, 8000, s.Submitted)
	require.Zero(t, s.Running+s.Busy+s.Queued)
}

// As many tasks as workers, each of which waits for all the others: none may be
// left to a worker that is busy. From idle, again and again.
func TestTasksThatWaitForEachOther(t *testing.T) {
	const workers = 4
	p := newPool(t, pool.Options{Workers: workers, IdleTimeout: time.Millisecond})
	for round := 0; round < 3000; round++ {
		n := 2 + round%(workers-1)
		var all, done sync.WaitGroup
		all.Add(n)
		done.Add(n)
		for i := 0; i < n; i++ {
			require.NoError(t, p.Submit(bg, pool.Func(func() {
				all.Done()
				all.Wait()
				done.Done()
			})))
		}
		finished := make(chan struct{})
		go func() { done.Wait(); close(finished) }()
		select {
		case <-finished:
		case <-time.After(time.Minute):
			t.Fatalf("round %d: a task was left without a worker: %+v", round, p.Stats())
		}
		if round%100 == 0 {
			time.Sleep(2 * time.Millisecond) // let workers end
		}
	}
}

func TestResize(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 4})
	for _, bad := range []int{0, -1, pool.MaxWorkers + 1} {
		require.Error(t, p.Resize(bad))
	}
	var all sync.WaitGroup
	all.Add(4)
	for i := 0; i < 4; i++ { // four workers, idle afterwards
		require.NoError(t, p.Submit(bg, pool.Func(func() { all.Done(); all.Wait() })))
	}
	all.Wait()
	require.NoError(t, p.Resize(1))
	testx.Eventually(t, func() bool { return p.Stats().Busy == 0 }, "idle")
	var g gauge
	var done sync.WaitGroup
	done.Add(50)
	for i := 0; i < 50; i++ {
		require.NoError(t, p.Submit(bg, g.do(func() { runtime.Gosched(); done.Done() })))
	}
	done.Wait()
	require.EqualValues(t, 1, g.most.Load())

	// And up, while tasks wait: the others drain the queue.
	fill(t, p)
	require.NoError(t, p.Resize(3))
	testx.Eventually(t, func() bool { return p.Stats().Queued == 0 }, "the queue is drained")
	require.LessOrEqual(t, p.Stats().Running, 3)
}

// Workers that were hired and have not begun know of a Resize that came since.
func TestResizeBeforeTheFirstTask(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds = 100
	together := 0
	for i := 0; i < rounds; i++ {
		p, err := pool.New(pool.Options{Workers: 2})
		require.NoError(t, err)
		var g gauge
		for i := 0; i < 2; i++ {
			require.NoError(t, p.Submit(bg, g.do(func() { time.Sleep(100 * time.Microsecond) })))
		}
		begun := g.most.Load() > 0 // this goroutine was preempted in between
		require.NoError(t, p.Resize(1))
		require.NoError(t, p.Shutdown(bg))
		if !begun && g.most.Load() > 1 {
			together++
		}
	}
	require.Less(t, together, rounds/10)
}

// A worker that finds no task just as Resize takes a place away ends, and does not
// sleep as one too many beside those that run.
func TestResizeAsAWorkerFallsAsleep(t *testing.T) {
	for round := 0; round < 10; round++ {
		p, err := pool.New(pool.Options{Workers: 2, IdleTimeout: time.Hour})
		require.NoError(t, err)
		stuck, short := make(chan struct{}), make(chan struct{})
		var started sync.WaitGroup
		started.Add(2)
		require.NoError(t, p.Submit(bg, pool.Func(func() { started.Done(); <-stuck })))
		require.NoError(t, p.Submit(bg, pool.Func(func() { started.Done(); <-short })))
		started.Wait()
		release := p.Hold()
		resized := make(chan error)
		go func() { resized <- p.Resize(1) }()
		time.Sleep(2 * time.Millisecond) // so that Resize comes first
		close(short)
		time.Sleep(2 * time.Millisecond)
		release()
		require.NoError(t, <-resized)
		testx.Eventually(t, func() bool { return p.Stats().Running == 1 }, "the worker ends")
		close(stuck)
		require.NoError(t, p.Shutdown(bg))
	}
}

func TestIdleTimeout(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 2, IdleTimeout: time.Millisecond})
	for i := 0; i < 3; i++ {
		ran := make(chan struct{})
		require.NoError(t, p.Submit(bg, pool.Func(func() { close(ran) })))
		<-ran
		testx.Eventually(t, func() bool { return p.Stats().Running == 0 }, "the worker ends")
	}
}

func TestFailures(t *testing.T) {
	type report struct {
		v     any
		stack string
	}
	reports := make(chan report, 10)
	p := newPool(t, pool.Options{Workers: 1, OnPanic: func(v any, stack []byte) {
		reports <- report{v, string(stack)}
		panic("again")
	}})
	for i := 0; i < 5; i++ {
		require.NoError(t, p.Submit(bg, pool.Func(func() { panic("boom") })))
		require.NoError(t, p.Submit(bg, pool.Func(runtime.Goexit)))
	}
	ran := make(chan struct{})
	require.NoError(t, p.Submit(bg, pool.Func(func() { close(ran) })))
	<-ran
	require.NoError(t, p.Shutdown(bg))
	require.Len(t, reports, 5)
	r := <-reports
	require.Equal(t, "boom", r.v)
	require.Contains(t, r.stack, "TestFailures")
	require.EqualValues(t, 10, p.Stats().Panicked)
	require.EqualValues(t, 11, p.Stats().Done)
	// Without a hook it is logged, and nothing else happens.
	q := newPool(t, pool.Options{})
	require.NoError(t, q.Submit(bg, pool.Func(func() { panic("boom") })))
	require.NoError(t, q.Shutdown(bg))
}

func TestShutdown(t *testing.T) {
	p := newPool(t, pool.Options{Name: "crunch", Workers: 1})
	stuck, started := make(chan struct{}), make(chan struct{})
	var ran atomic.Int64
	require.NoError(t, p.Submit(bg, pool.Func(func() { close(started); <-stuck; ran.Add(1) })))
	<-started
	require.NoError(t, p.Submit(bg, pool.Func(func() { ran.Add(1) })))
	ctx, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	err := p.Shutdown(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "crunch")
	require.ErrorContains(t, err, "1 tasks running, 1 waiting")
	close(stuck)
	require.NoError(t, p.Shutdown(bg))
	require.EqualValues(t, 2, ran.Load())
	require.NoError(t, p.Shutdown(ctx)) // ended, and it does not matter
}

// Accepted = run, once, with a Shutdown at a random moment.
func TestConservation(t *testing.T) {
	rounds := 2000
	if testx.Race {
		rounds = 300
	}
	for round := 0; round < rounds; round++ {
		p, err := pool.New(pool.Options{Workers: 1 + round%3, QueueSize: 4})
		require.NoError(t, err)
		var accepted, ran atomic.Int64
		var wg sync.WaitGroup
		for c := 0; c < 4; c++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; i < 10; i++ {
					f := pool.Func(func() {
						ran.Add(1)
						if i == 5 {
							runtime.Goexit()
						}
					})
					switch err := p.Submit(bg, f); err {
					case nil:
						accepted.Add(1)
					case pool.ErrClosed:
					default:
						t.Errorf("submit: %v", err)
					}
				}
			}()
		}
		for n := rand.IntN(100); n > 0; n-- {
			runtime.Gosched()
		}
		ctx, cancel := context.WithTimeout(bg, time.Minute)
		require.NoError(t, p.Shutdown(ctx))
		cancel()
		wg.Wait()
		require.Equal(t, accepted.Load(), ran.Load())
	}
}

func TestLabel(t *testing.T) {
	p := newPool(t, pool.Options{Name: "a name to find", Workers: 1})
	profile := make(chan string)
	require.NoError(t, p.Submit(bg, pool.Func(func() {
		var b strings.Builder
		_ = rpprof.Lookup("goroutine").WriteTo(&b, 1)
		profile <- b.String()
	})))
	require.Contains(t, <-profile, `"pool":"a name to find"`)
}

// Without a name there is no label, though a new goroutine has those of the one that
// started it.
func TestNoLabelOfTheSubmitter(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 1})
	submitted, profile := make(chan struct{}), make(chan string)
	rpprof.Do(bg, rpprof.Labels("whose", "the submitter's"), func(context.Context) {
		require.NoError(t, p.Submit(bg, pool.Func(func() {
			<-submitted // who submits has the label until then
			var b strings.Builder
			_ = rpprof.Lookup("goroutine").WriteTo(&b, 1)
			profile <- b.String()
		})))
	})
	close(submitted)
	require.NotContains(t, <-profile, "the submitter's")
}

func TestCost(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 2})
	done := make(chan struct{}, 1)
	f := pool.Func(func() { done <- struct{}{} })
	if !testx.Race {
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if p.TrySubmit(f) == nil {
				<-done
			}
		}))
	}
	testx.Rests(t, 200*time.Millisecond)
}

// unspeakable is an error whose Error panics with one whose Error panics.
type unspeakable struct{}

func (u unspeakable) Error() string { panic(u) }

// That a task's panic cannot be told to the log is no panic of the pool's.
func TestUnspeakablePanic(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 1})
	for range 3 {
		require.NoError(t, p.Submit(bg, pool.Func(func() { panic(unspeakable{}) })))
	}
	require.NoError(t, p.Shutdown(bg))
	require.EqualValues(t, 3, p.Stats().Panicked)
}
