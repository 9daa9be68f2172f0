package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/internal/counter"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// Server receives messages and has a Handler handle them. Use New, send with a
// dispatcher.Dispatcher, serve with Run and end with Shutdown. All methods may
// be called from many goroutines at once. A nil context is a programming error
// and panics.
//
// Messages that come before Run are accepted and wait.
type Server[Req, Resp any] struct {
	opts      Options
	handler   Handler[Req, Resp]
	mustQueue func(Req) bool // whether not to run a request on its caller; nil: never
	toPool    func(Req) bool // whether to offload a message; nil: never

	supervised *supervised[Req, Resp] // the handler, without its wrappers, if it is one of Supervise

	// One of the three is set. role: the ring whose owner runs the handler
	// (role.go). lanes: so many rings with one owner (lanes.go). loops: a queue
	// drained by Concurrency goroutines (loops.go).
	role   *roleEngine[Req, Resp]
	lanes  *laneEngine[Req, Resp]
	loops  queue.Queue[dispatcher.Envelope[Req, Resp]]
	engine engine         // role or lanes (engine.go)
	owning *owning        // its own
	others sync.WaitGroup // of the loops, those on goroutines of their own
	spread bool           // they were started

	// What still runs (stuck.go).
	dynamic  bool      // Req is an interface: the type of a message is its own
	drainers []drainer // of the loops
	working  working[Req, Resp]

	aborting atomic.Bool // Close: answer, do not handle
	eviction eviction
	clock    *clock // looks at the time of each queued message; nil: nobody wants it (clock.go)
	counters counter.Set
	watch    watch

	// Offloading (offload.go).
	backlog *ring.Ring[*job[Req, Resp]] // nil: nothing is offloaded
	jobs    sync.Pool
	remote  Handler[Req, Resp]       // the handler, as workers call it: their calls are measured apart
	key     func(Req) (uint64, bool) // of a message that is offloaded; nil: none has one
	keys    *keys[Req, Resp]         // nil if key is (keys.go)
	pending sync.WaitGroup           // messages offloaded and not yet answered, and the feeder

	offloading atomic.Int64 // those messages, as a number that can be read

	// Options.Adaptive; nil: no limit (adaptive.go).
	adaptive *adaptive // of the loops
	parallel *adaptive // of the messages that the pool has

	// The end (lifecycle.go).
	token  context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}

	closing chan struct{} // closed, under mu, when the queue is

	mu       sync.Mutex
	ran      bool            // Run was called
	launched bool            // the server's goroutine was started
	stopCtx  context.Context // of the latest Shutdown; nil: none
	stopDone <-chan struct{} // its Done

	// Written by the server's goroutine; all but stage are read by others only
	// after done is closed.
	stage      atomic.Uint32
	unstarted  bool // the handler is a Starter, and Start was not called or failed
	startErr   error
	restartErr error // of Supervise
	stopErr    error
}

var _ interface {
	queue.Pusher[dispatcher.Envelope[int, int]]
	queue.TimedPusher[dispatcher.Envelope[int, int]]
	dispatcher.Inline[int, int]
	dispatcher.InlineAll[int, int]
	dispatcher.Closing
	dispatcher.Lanes[int, int]
	dispatcher.Stamped
} = (*Server[int, int])(nil)

// New returns a server that accepts messages; Run has them handled. It starts no
// goroutine. A nil h is an error; any other error names the field of opts that is
// wrong, or says that h, which Supervise made, has a server already.
func New[Req, Resp any](h Handler[Req, Resp], opts Options) (*Server[Req, Resp], error) {
	if arg.IsNil(h) {
		return nil, errors.New("server: nil Handler")
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	h = apart(h)
	s := &Server[Req, Resp]{handler: h, remote: h, toPool: offloads(h), done: make(chan struct{}), closing: make(chan struct{})}
	s.mustQueue = s.toPool
	if s.supervised, _ = base(h).(*supervised[Req, Resp]); s.supervised != nil {
		s.mustQueue = s.supervised.unavailable
		if opts.CallerRuns == CallerRunsAlways {
			opts.CallerRuns = CallerRunsAuto // who helps others would wait for a restart
		}
	}
	s.opts = opts
	if s.clock = newClock(opts); opts.Timing {
		s.handler = &timed[Req, Resp]{h, &s.clock.calls}
		s.remote = &timed[Req, Resp]{h, &s.clock.away}
	}
	if opts.DropOldest {
		s.eviction.last = make(chan struct{}, 1)
	}
	s.dynamic = reflect.TypeFor[Req]().Kind() == reflect.Interface
	s.token, s.cancel = context.WithCancelCause(context.Background())
	capacity, err := s.openQueue()
	if err != nil {
		return nil, err
	}
	if s.toPool != nil {
		s.backlog = ring.New[*job[Req, Resp]](capacity, 0)
		s.limitPool()
		s.jobs.New = func() any { return &job[Req, Resp]{server: s} }
		if s.key = keyer(h); s.key != nil {
			s.keys = &keys[Req, Resp]{limit: capacity}
		}
	}
	s.watch.init(opts, s.look)
	if s.supervised != nil {
		if err := s.supervised.attach(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// openQueue makes the queue, or the lanes, that opts ask for, and returns how many
// messages each has room for.
func (s *Server[Req, Resp]) openQueue() (capacity int, err error) {
	if s.opts.Concurrency > 1 || s.opts.Queue.Backend != queue.BackendRing {
		return s.openLoops()
	}
	if capacity, err = ring.Capacity[dispatcher.Envelope[Req, Resp]](s.opts.Queue.Capacity); err != nil {
		return 0, fmt.Errorf("server: Options.Queue.Capacity: %w", err)
	}
	if s.opts.Lanes > 1 {
		s.lanes = newLanes(s, capacity)
		s.engine, s.owning = s.lanes, &s.lanes.owning
	} else {
		s.role = newRole(s, capacity)
		s.engine, s.owning = s.role, &s.role.owning
	}
	return capacity, nil
}

// waiting returns how many messages are in the queue.
func (s *Server[Req, Resp]) waiting() int {
	if s.engine != nil {
		return s.engine.waiting()
	}
	return s.loops.Len()
}

// look tells the watch whether a message was begun since it looked, and how many
// wait. With loops the number of those begun is the answer.
func (s *Server[Req, Resp]) look() (begun uint64, waiting int) {
	if s.stage.Load() == stageNew {
		return 0, 0 // what waits for Run waits behind no handler
	}
	if s.engine != nil {
		return s.engine.look()
	}
	for i := range s.drainers {
		begun += s.drainers[i].calls.Load() / 2
	}
	return begun, s.waiting()
}
