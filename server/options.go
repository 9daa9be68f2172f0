package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// CallerRuns says when a request runs on its caller's goroutine instead of the
// server's.
type CallerRuns uint8

const (
	// CallerRunsAuto, the default: a request that finds the server idle runs on its
	// caller if the handler has proved fast: eight samples of its calls in a row
	// took 5 microseconds at most, and since then no two in a row took longer. A
	// caller runs its own request only. If calls take at most 0.3 microseconds, a
	// caller that finds the server busy first waits awake for its turn, up to some
	// 12 microseconds, before its request is queued, and in RequestAll up to 50.
	CallerRunsAuto CallerRuns = iota

	// CallerRunsAlways: a request that finds the server idle runs on its caller,
	// however long it takes, and when others were queued meanwhile, the caller
	// handles them too, up to Options.Batch of them and for about 20 microseconds,
	// before it hands the rest on. It is the fastest under contention. A caller
	// must not hold a lock that any handler call wants, and a stranger's handler
	// that calls runtime.Goexit ends the caller's goroutine.
	CallerRunsAlways

	// CallerRunsNever: handlers run on the server's goroutine. A backend other
	// than queue.BackendRing, or Concurrency above 1, implies it.
	CallerRunsNever
)

// String returns "auto", "always" or "never".
func (c CallerRuns) String() string {
	switch c {
	case CallerRunsAuto:
		return "auto"
	case CallerRunsAlways:
		return "always"
	case CallerRunsNever:
		return "never"
	}
	return fmt.Sprintf("CallerRuns(%d)", uint8(c))
}

const (
	// DefaultBatch is the Batch of a server whose Options leave it 0.
	DefaultBatch = 64
	// DefaultSlowHandler is the SlowHandler of a server whose Options leave it 0.
	DefaultSlowHandler = time.Second
	// MaxConcurrency is the largest Concurrency one can ask for.
	MaxConcurrency = 1 << 16
	// MaxLanes is how many Lanes one can ask for.
	MaxLanes = 8
	// LaneGuard guards lanes against starvation: after so many messages, one of a
	// lane below the first is handled. So of (LaneGuard+1) × (Lanes-1) messages
	// that are handled, each lane that has messages waiting gets at least one.
	LaneGuard = 32
)

var _ = [1]struct{}{}[LaneGuard-ring.Guard] // they are the same

// Executor runs offloaded messages. *pool.Pool is one. Its methods are called by
// many goroutines at once.
type Executor interface {
	// Submit has t run, and blocks while there is no room for it, until ctx
	// ends. After nil, t must be run once, on another goroutine; after an error, never.
	Submit(ctx context.Context, t Task) error
	// TrySubmit is Submit that does not wait for room: without any, it returns an
	// error that is queue.ErrFull for errors.Is, and the server tries again with
	// Submit. Any other error is the outcome of the message. It must return at
	// once, since the server's goroutine calls it.
	TrySubmit(t Task) error
}

// Task is what an Executor runs.
type Task = interface{ Run() }

// Options tunes a Server. The zero value works.
type Options struct {
	// Name labels the server's goroutines in profiles (the label is "server")
	// and names it in logs and errors. Empty: no label.
	Name string

	// Queue is the queue of messages. The zero value is a ring of
	// queue.DefaultCapacity.
	Queue queue.Options

	// Pool runs the messages that the handler offloads. nil: those fail with
	// ErrNoPool. The server does not shut it down: do that after the server has
	// ended.
	//
	// What the pool does not take at once waits in a backlog that has as many
	// places as Queue.Capacity makes. When that is full, too, messages to be
	// offloaded fail with ErrPoolFull.
	Pool Executor

	// Batch is how many messages of others a caller handles at most before it hands
	// the rest on. It has an effect with CallerRunsAlways only. 0 means
	// DefaultBatch; negative is an error.
	Batch int

	// Concurrency is how many handler calls may run at once, offloaded ones not
	// counted. 0 means 1: calls never overlap. Above 1, so many goroutines drain
	// the queue, there is no order between messages, and the handler must be safe
	// for concurrent use. Negative or above MaxConcurrency is an error.
	Concurrency int

	// Lanes is how many queues of messages there are, one more urgent than the
	// next; dispatcher.Options.Lane says which one a dispatcher sends on. Lane 0 is
	// the most urgent. The next message to be handled is one of the most urgent
	// lane that has any; but after each LaneGuard messages it is one of a less
	// urgent lane, these in turn. The messages of one goroutine keep their order on
	// each lane, not between lanes. A message that is being handled is not
	// interrupted, and once offloaded, messages have no lanes.
	//
	// Each lane has room for Queue.Capacity messages, and what is said of a full
	// queue holds for a full lane: its senders wait, are refused or, with
	// DropOldest, evict its oldest. Shed looks at each lane by itself.
	//
	// 0 means 1. Negative, above MaxLanes, or more than 1 with Concurrency above 1
	// or a backend other than queue.BackendRing, is an error.
	Lanes int

	// Adaptive finds out how many handler calls to run at once, up to Concurrency,
	// and how many offloaded messages. The zero value turns it off.
	Adaptive AdaptiveOptions

	// CallerRuns says when a request runs on its caller's goroutine. The zero value
	// is CallerRunsAuto.
	CallerRuns CallerRuns

	// SlowHandler is how long messages may wait behind one handler call before that
	// is logged, once for each such call and up to a quarter of the time late. The
	// number of messages that wait is logged, too, and may be up to 31 too high:
	// while calls are quick, messages are taken from the queue several at a time. 0
	// means DefaultSlowHandler; what is below 4 ms counts as 4 ms; negative means
	// never.
	SlowHandler time.Duration

	// DropOldest makes room in a full queue: a message that finds it full takes the
	// place of the one that has waited longest. That one is not handled: a request
	// fails at once with dispatcher.ErrShed, and a command is handed to
	// OnCommandError with that error, on the goroutine that sends the new message.
	// So senders do not wait for room, whatever dispatcher.Options.Overflow says.
	// Nothing is evicted while there is room; with another backend than the ring,
	// or Concurrency above 1, room that appears at that very moment may not be
	// seen.
	DropOldest bool

	// Shed drops messages that have waited too long. The zero value turns it off.
	Shed ShedOptions

	// Timing measures how long messages wait and handler calls take, for
	// Stats.Timing. It costs two clock reads (20 to 70 ns each, by machine) for
	// each handler call, and as many for each message that is queued.
	Timing bool

	// Logger is told of each command that failed, also if OnCommandError is set, and
	// of slow and restarted handlers. nil means slog.Default at the time of New. It is
	// called without a lock, but may be called by the server's own goroutine, which
	// handles nothing until it returns. A panic in it is ignored.
	//
	// A line of text takes microseconds of the server's time. Failures that are no
	// news, of input that anybody may send for example, are better counted by the
	// handler, which then returns nil.
	Logger *slog.Logger

	// OnCommandError is called with each command whose handler call failed or
	// panicked, or that was accepted and not handled, shed ones included; err says
	// why. It is called on the goroutine that found out, so it must be safe for
	// concurrent use. nil: nobody is told, but failures are logged. If it panics,
	// that is logged.
	//
	// That goroutine may be the server's own, which handles nothing meanwhile. So
	// OnCommandError, like a handler, must not wait for its own server: by a
	// Request, by a Send that blocks while the queue is full, or by Shutdown.
	// TrySend does not wait.
	//
	// Nor should it at once send a command again that was shed: that adds load when
	// there is too much already. With DropOldest, it would take the room that was
	// just made for another sender, which after some tries gives up and waits or is
	// refused, as without DropOldest. To send a command again later, hand it to a
	// goroutine of your own.
	OnCommandError func(cmd any, err error)
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Batch < 0:
		return o, fmt.Errorf("server: Options.Batch: %d is negative", o.Batch)
	case o.Concurrency < 0 || o.Concurrency > MaxConcurrency:
		return o, fmt.Errorf("server: Options.Concurrency: %d is not in 0 to %d", o.Concurrency, MaxConcurrency)
	case o.Lanes < 0 || o.Lanes > MaxLanes:
		return o, fmt.Errorf("server: Options.Lanes: %d is not in 0 to %d", o.Lanes, MaxLanes)
	case o.Lanes > 1 && o.Concurrency > 1:
		return o, fmt.Errorf("server: Options.Lanes: %d with Options.Concurrency %d: lanes have one consumer", o.Lanes, o.Concurrency)
	case o.Lanes > 1 && o.Queue.Backend != queue.BackendRing:
		return o, fmt.Errorf("server: Options.Lanes: %d with Options.Queue.Backend %v: lanes are rings", o.Lanes, o.Queue.Backend)
	case o.CallerRuns > CallerRunsNever:
		return o, fmt.Errorf("server: Options.CallerRuns: unknown value %v", o.CallerRuns)
	}
	shed, err := o.Shed.withDefaults()
	if err != nil {
		return o, err
	}
	o.Shed = shed
	if o.Adaptive, err = o.Adaptive.withDefaults(); err != nil {
		return o, err
	}
	if o.Batch == 0 {
		o.Batch = DefaultBatch
	}
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	if o.Lanes == 0 {
		o.Lanes = 1
	}
	if o.SlowHandler == 0 {
		o.SlowHandler = DefaultSlowHandler
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = guardedLogger(o.Logger)
	if o.Name != "" {
		o.Logger = o.Logger.With("server", o.Name)
	}
	if arg.IsNil(o.Pool) {
		o.Pool = nil
	}
	return o, nil
}
