package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/ants/v2"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/counter"
	"github.com/sparkpipe/sparkpipe/internal/errs"
	"github.com/sparkpipe/sparkpipe/internal/spin"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Task is what a Pool runs. It is an alias, so that packages can name the type
// without importing this one.
type Task = interface{ Run() }

// Func is a function as a Task.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

var (
	// ErrFull is the error of TrySubmit when no further task can wait. For
	// errors.Is it is also queue.ErrFull.
	ErrFull = errs.New("pool: full", queue.ErrFull)

	// ErrClosed is the error of a submission after Shutdown. For errors.Is it is
	// also queue.ErrClosed.
	ErrClosed = errs.New("pool: closed", queue.ErrClosed)

	// ErrNilTask is the error of a submission of a nil Task or Func.
	ErrNilTask = errors.New("pool: nil task")
)

// Pool runs tasks on a bounded number of workers. Use New; end it with
// Shutdown. All methods may be called from many goroutines at once. A nil
// context is a programming error and panics.
type Pool struct {
	opts     Options
	tasks    *queue.Ring[Task]
	ants     *ants.Pool
	workLoop func() // p.work, made once

	counters counter.Set

	// wanted says that somebody can be called for a task: a worker that sleeps, or
	// a new one. It is written under mu, and read after a push (see call).
	wanted atomic.Bool
	// crowded says that more run than may, after Resize. Likewise.
	crowded atomic.Bool

	flow spin.Flow // of tasks, as seen by workers that found none

	mu       sync.Mutex
	limit    int           // of workers
	running  int           // workers: loops that were started and have not ended
	busy     int           // of those, the ones that do not sleep; never more than limit, but after Resize
	top      *worker       // the others: the one that fell asleep last
	waking   bool          // one was called that has not looked for a task yet
	period   uint64        // counts how often the timer has fired
	ticking  bool          // the timer runs
	timer    *time.Timer   // of IdleTimeout
	closed   bool          // Shutdown was called
	drained  chan struct{} // closed when the pool is closed and the last worker has ended
	released chan struct{} // closed when ants has ended its goroutines
}

const (
	cRefused = iota
	cDone
	cPanicked
)

// New returns a pool without workers: each is started when there is a task for it.
// The error names the field of opts that is wrong. Package ants starts two goroutines
// of its own for each pool; Shutdown ends them.
func New(opts Options) (*Pool, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	tasks, err := queue.NewRing[Task](queue.Options{Capacity: opts.QueueSize})
	if err != nil {
		return nil, fmt.Errorf("pool: Options.QueueSize: %w", err)
	}
	// Size -1: ants only lends goroutines; how many is our count. So its
	// Submit never blocks, which is the only way in which it is safe to call
	// (https://github.com/panjf2000/ants/issues/141).
	// Its expiry is also the period of a ticker, so it must not be short.
	lender, err := ants.NewPool(-1, ants.WithExpiryDuration(max(opts.IdleTimeout, time.Second)))
	if err != nil {
		return nil, fmt.Errorf("pool: %w", err)
	}
	p := &Pool{
		opts: opts, tasks: tasks, ants: lender, limit: opts.Workers,
		drained: make(chan struct{}), released: make(chan struct{}),
	}
	p.workLoop = p.work
	p.changedLocked()
	return p, nil
}

// Submit queues t and blocks while no further task can wait, until ctx ends. The
// error is ctx.Err(), even if ctx had ended before the call, ErrClosed or
// ErrNilTask; then t will not run. A task of the same pool must not call it with a
// ctx that does not end: when all workers do that on a full pool, none is left to
// make room.
func (p *Pool) Submit(ctx context.Context, t Task) error {
	arg.Context(ctx, "pool")
	if isNil(t) {
		return ErrNilTask
	}
	return p.submitted(p.tasks.Push(ctx, t))
}

// TrySubmit queues t without blocking: nil, ErrFull, ErrClosed or ErrNilTask.
func (p *Pool) TrySubmit(t Task) error {
	if isNil(t) {
		return ErrNilTask
	}
	return p.submitted(p.tasks.TryPush(t))
}

func (p *Pool) submitted(err error) error {
	switch err {
	case nil:
		p.call()
		return nil
	case queue.ErrFull:
		p.counters.Add(cRefused, 1)
		return ErrFull
	case queue.ErrClosed:
		return ErrClosed
	}
	return err
}

func isNil(t Task) bool {
	if f, ok := t.(Func); ok {
		return f == nil
	}
	return arg.IsNil(t)
}

// Resize changes how many tasks run at once. More workers start as there is work
// for them. If there are too many, idle ones end at once, and others after the task
// that they run or are about to run. Resize does not wait for that. workers below 1
// or above MaxWorkers is an error.
func (p *Pool) Resize(workers int) error {
	if err := checkWorkers("Resize", workers, 1); err != nil {
		return err
	}
	p.mu.Lock()
	p.limit = workers
	p.dismissLocked(&p.top, p.running-p.limit)
	p.mu.Unlock()
	for n := p.tasks.Len(); n > 0 && p.call(); n-- {
	}
	return nil
}

// Shutdown refuses further tasks, waits until all that were accepted have run, and
// returns nil. When ctx ends first it returns an error that is ctx's and tells what
// is left; the tasks go on, and Shutdown may be called again to wait further. After
// it has returned nil, it returns nil at once. A task of the pool must not call it
// with a ctx that does not end: it waits for that very task.
func (p *Pool) Shutdown(ctx context.Context) error {
	arg.Context(ctx, "pool")
	p.tasks.Close()
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.finishLocked()
		go p.release()
	}
	p.mu.Unlock()
	// Without this look, a ctx that has ended would hide that all is done.
	select {
	case <-p.released:
		return nil
	default:
	}
	select {
	case <-p.released:
		return nil
	case <-ctx.Done():
		s := p.Stats()
		return fmt.Errorf("%s: shutdown: %w (%d tasks running, %d waiting)", errs.Named("pool", p.opts.Name), arg.Ended(ctx), s.Busy, s.Queued)
	}
}

// release gives the goroutines back once nothing of ours runs on them: ants
// waits for its workers to end, and for nothing else.
func (p *Pool) release() {
	<-p.drained
	_ = p.ants.ReleaseContext(context.Background()) // only a closed pool is an error
	close(p.released)
}

// Stats is what a pool counted since New. At rest, Submitted equals Done.
type Stats struct {
	Submitted uint64 // tasks accepted
	Refused   uint64 // calls of TrySubmit that found the pool full
	Done      uint64 // tasks that have ended, by panic and Goexit too
	Panicked  uint64 // of those, by panic or Goexit
	Workers   int    // the limit
	Running   int    // workers that have a goroutine now
	Busy      int    // of those, running a task or about to
	Queued    int    // tasks that wait
	QueueCap  int    // how many can wait
}

// Stats returns the pool's counters, read one after the other while it works: in an
// order in which Panicked is at most Done, and Done at most Submitted.
func (p *Pool) Stats() Stats {
	var s Stats
	p.mu.Lock()
	s.Workers, s.Running, s.Busy = p.limit, p.running, p.busy
	p.mu.Unlock()
	s.Panicked = p.counters.Load(cPanicked)
	s.Done = p.counters.Load(cDone)
	s.Refused = p.counters.Load(cRefused)
	tasks := p.tasks.Stats() // a task is counted before it can run
	s.Submitted, s.Queued, s.QueueCap = tasks.Pushed, tasks.Len, tasks.Cap
	return s
}
