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
	// CallerRunsAuto, the default: a request that finds the server idle runs on
	// its caller if the handler has proved fast: eight samples of its calls in a
	// row took 5 microseconds at most, and since then no two in a row took longer.
	// A caller runs its own request only.
	// If calls are much shorter still, a caller that finds the server busy waits
	// some microseconds, awake, for its turn before it is queued.
	CallerRunsAuto CallerRuns = iota

	// CallerRunsAlways: a request that finds the server idle runs on its
	// caller, however long it takes, and when others were queued meanwhile, the
	// caller handles them too, up to Options.Batch of them and for a bounded
	// time, before it hands them on. It is the fastest under contention. A
	// caller must not hold a lock that any handler call wants, and a stranger's
	// handler that calls runtime.Goexit ends the caller's goroutine.
	CallerRunsAlways

	// CallerRunsNever: handlers run on the server's goroutine. A backend other
	// than queue.BackendRing, or Concurrency above 1, implies it.
	CallerRunsNever
)

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
	// less urgent lane is handled. So a lane that has messages to handle is given
	// one of (LaneGuard+1) × (Lanes-1) at least.
	LaneGuard = 32
)

var _ = [1]struct{}{}[LaneGuard-ring.Guard] // they are the same

// Executor runs offloaded messages. *pool.Pool is one. The errors are told
// apart by queue.ErrFull and queue.ErrClosed, with errors.Is.
type Executor interface {
	// Submit has t run, and blocks while there is no room for it, until ctx
	// ends. After nil, t must be run once, on another goroutine.
	Submit(ctx context.Context, t Task) error
	// TrySubmit is Submit that does not wait for room: the error is then
	// queue.ErrFull. It must return at once, since the server's goroutine calls it.
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

	// Pool runs the messages that the handler offloads. nil: such a message
	// fails with ErrNoPool. The server does not shut it down; do that after
	// the server's end.
	//
	// What the pool does not take at once waits in a backlog that has as many
	// places as a queue of Queue.Capacity. When that is full, a message that is
	// to be offloaded fails with ErrPoolFull.
	Pool Executor

	// Batch is how many messages of others a caller handles at most before
	// it hands the rest on, with CallerRunsAlways. 0 means DefaultBatch;
	// negative is an error.
	Batch int

	// Concurrency is how many handler calls may run at once. 0 means 1; then
	// calls never overlap. Above 1, there is no order between messages.
	// Negative or above MaxConcurrency is an error.
	Concurrency int

	// Lanes is how many queues of messages there are, one more urgent than the
	// next; dispatcher.Options.Lane says which one a dispatcher sends on. Lane 0 is
	// the most urgent. Of messages that wait, one of the most urgent lane is handled
	// next; but after each LaneGuard messages, one of another lane that waits, these
	// lanes in turn. The order of one goroutine's messages is that of one lane; a
	// message on a more urgent one may overtake. A message that is being handled is
	// not interrupted, and those that are offloaded have no lanes any more.
	//
	// Queue.Capacity is each lane's, so that a full lane pushes back, or refuses, or
	// evicts the oldest of its own with DropOldest. Shed looks at each lane by itself.
	//
	// 0 means 1. Negative, above MaxLanes, or more than 1 with Concurrency above 1
	// or a backend other than queue.BackendRing, is an error.
	Lanes int

	// Adaptive finds out how many of Concurrency, and how many offloaded
	// messages, to run at once. The zero value does not.
	Adaptive AdaptiveOptions

	// CallerRuns says when a request runs on its caller's goroutine.
	CallerRuns CallerRuns

	// SlowHandler is how long messages may wait behind one handler call before
	// that is logged, once for the call; the watch is up to a quarter late. How
	// many wait is logged too, which may be up to 31 too many: messages that were
	// taken at once, when calls were quick, are not counted one by one. 0 means
	// DefaultSlowHandler; less than 4 ms is taken for 4 ms; negative: never.
	SlowHandler time.Duration

	// DropOldest makes room in a full queue: a message that finds it full
	// takes the place of the one that has waited longest. That one is not handled: a request fails with
	// dispatcher.ErrShed at once, and a command is handed to OnCommandError with
	// it, by the goroutine of the new message's sender. So no sender waits for
	// room, whatever dispatcher.Options.Overflow says. Nothing is evicted while
	// there is room; over another backend than the ring, or with Concurrency
	// above 1, while there was room a moment before.
	DropOldest bool

	// Shed drops messages that have waited too long. The zero value drops none.
	Shed ShedOptions

	// Timing measures what messages wait and how long handler calls take, for
	// Stats.Timing. It costs two clock reads (20 to 70 ns each, by machine) for
	// each handler call, and as many for each message that is queued.
	Timing bool

	// Logger gets each command that failed, also if OnCommandError is set, and slow
	// and restarted handlers. nil means slog.Default, looked up at the time of New.
	// What it does holds up nobody but the sender of what is logged, or the server
	// where that is its own; a panic in it is ignored.
	//
	// A line of text takes microseconds of the server's time. Failures that are no
	// news, of input that anybody may send for example, are better counted by the
	// handler, which then returns nil.
	Logger *slog.Logger

	// OnCommandError is called with each command that failed, panicked, or was
	// accepted and not handled, shed ones included, by the goroutine that found
	// out. It must be safe for concurrent use. A panic of its own is logged.
	//
	// That goroutine may be the server's own, which handles nothing meanwhile. So
	// it must not wait for its own server, as a handler must not: by a Request, by
	// a Send that blocks while the queue is full, or by Shutdown. TrySend does not
	// wait.
	//
	// Nor should it send a command that was shed again at once: that is more load
	// when there is too much. With DropOldest the one that it sends takes the room
	// that was made; the sender, for whom that was, gives up after some tries, and
	// waits or is refused as without DropOldest. To send it later, hand it to a
	// goroutine of yours.
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
		return o, fmt.Errorf("server: Options.CallerRuns: unknown value %d", o.CallerRuns)
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
