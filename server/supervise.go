package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
)

const (
	// DefaultRestarts is the Max of RestartOptions that leave it 0.
	DefaultRestarts = 3
	// DefaultWithin is the Within of RestartOptions that leave it 0.
	DefaultWithin = 5 * time.Second
	// DefaultBackoff is the Backoff of RestartOptions that leave it 0, unless their
	// MaxBackoff is shorter.
	DefaultBackoff = 10 * time.Millisecond
	// DefaultMaxBackoff is the MaxBackoff of RestartOptions that leave it 0.
	DefaultMaxBackoff = time.Second
)

// RestartOptions tunes Supervise. The zero value works.
type RestartOptions struct {
	// Max is how many restarts there may be in any period of length Within; the
	// failure that would need one more ends the server with ErrTooManyRestarts. 0
	// means DefaultRestarts; negative means no limit.
	Max int

	// Within is the period that Max is counted in. It should be longer than the
	// pauses before Max restarts take together. 0 means DefaultWithin; negative is
	// an error.
	Within time.Duration

	// Backoff is the pause before the first restart; it doubles with each further
	// one within the last Within, up to MaxBackoff. 0 means DefaultBackoff, or
	// MaxBackoff if that is set and shorter; negative means no pause.
	Backoff time.Duration

	// MaxBackoff is the longest pause. 0 means DefaultMaxBackoff, or Backoff if
	// that is longer; negative, or less than Backoff, is an error.
	MaxBackoff time.Duration
}

func (o RestartOptions) withDefaults() (RestartOptions, error) {
	switch {
	case o.Within < 0:
		return o, fmt.Errorf("server: RestartOptions.Within: %v is negative", o.Within)
	case o.MaxBackoff < 0 || o.MaxBackoff > 0 && o.MaxBackoff < o.Backoff:
		return o, fmt.Errorf("server: RestartOptions.MaxBackoff: %v is less than Backoff, or negative", o.MaxBackoff)
	}
	if o.Max == 0 {
		o.Max = DefaultRestarts
	}
	if o.Within == 0 {
		o.Within = DefaultWithin
	}
	if o.Backoff == 0 {
		if o.Backoff = DefaultBackoff; o.MaxBackoff > 0 {
			o.Backoff = min(o.Backoff, o.MaxBackoff)
		}
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = max(DefaultMaxBackoff, o.Backoff)
	}
	return o, nil
}

// pause is how long to wait before the nth restart of late, n being 1 or more.
func (o RestartOptions) pause(n int) time.Duration {
	d := max(o.Backoff, 0)
	for ; n > 1 && d <= o.MaxBackoff/2; n-- {
		d *= 2
	}
	if n > 1 && d > 0 {
		d = o.MaxBackoff
	}
	return d
}

// Supervise returns a handler that starts again with clean state when it fails:
// after a call that panics or calls runtime.Goexit, build makes another one. By
// default a server recovers and goes on with the handler it has, and the state
// that the call may have left half changed. Supervise calls build once itself
// and returns its error.
//
// The message whose call failed has its outcome, as always: *PanicError or
// ErrGoexit. All others wait in the queue until the handler is there again, as they
// wait behind a long handler call: their contexts and Timeouts hold, a full queue
// pushes back, and a wait as long as Options.SlowHandler is logged. The old handler
// is given nothing more, but calls that already run beside the one that failed,
// offloaded or with Options.Concurrency, are left to end. No caller's goroutine
// waits for a restart, which is why CallerRunsAlways counts as CallerRunsAuto. A
// worker of Options.Pool that has a message at the time does wait.
//
// All else is as with any handler. Each that build makes and that is a Starter is
// started, before its first message, with a token that ends when it fails or when
// the server stops; build and, after the first time, Start run on a goroutine of
// their own. Stop is called for the one that is there at the end, but not for one
// that failed: its state is not to be trusted. An error, panic or Goexit of build
// or Start, after the first time, is one more failure. A panic in middleware is no
// failure of the handler, unless build put it there.
//
// Middleware around a supervised handler that recovers its panic and calls next
// again gets ErrRestarting, or the answer of the new handler if that is there
// already. But with a Pool, or with Concurrency above 1, it may reach the handler
// that failed, as such a call cannot be told from one that was already on its way.
// Do not retry a panic there.
//
// When there are more restarts than opts allow, the server ends as with Close,
// and Run, or Shutdown if there is no Run, returns ErrTooManyRestarts with the
// last failure.
//
// The handler is for one server. Give it to New as it is or wrapped by Use: in a
// wrapper of your own New does not find it, and every message fails with an error
// that says so. What build returns may be wrapped by Use, too.
//
// This follows Erlang's "let it crash": Max and Within are the restart intensity and
// period of its supervisor (https://www.erlang.org/doc/system/sup_princ.html).
func Supervise[Req, Resp any](build func() (Handler[Req, Resp], error), opts RestartOptions) (Handler[Req, Resp], error) {
	if build == nil {
		return nil, errors.New("server: Supervise: nil build")
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &supervised[Req, Resp]{build: build, opts: opts}
	c, err := s.make()
	if err != nil {
		return nil, err
	}
	s.child.Store(c)
	return s, nil
}

// make has build make a handler.
func (s *supervised[Req, Resp]) make() (*child[Req, Resp], error) {
	h, err := s.build()
	if err != nil {
		return nil, fmt.Errorf("server: Supervise: build: %w", err)
	}
	if arg.IsNil(h) {
		return nil, errors.New("server: Supervise: build returned a nil Handler")
	}
	if _, twice := base(h).(*supervised[Req, Resp]); twice {
		return nil, errors.New("server: Supervise: build returned a supervised Handler")
	}
	return &child[Req, Resp]{Handler: h, offload: offloads(h), key: keyer(h), replaced: make(chan struct{})}, nil
}

var errUnattached = errors.New("server: a supervised handler that was not given to New, as it is or wrapped by Use")

// alone reports whether calls run one at a time, so that a call of a handler that
// has failed can only be another attempt of the middleware around it. Otherwise it
// may be one that was on its way when another failed, and is not to be lost.
func (s *supervised[Req, Resp]) alone() bool {
	return s.server.opts.Concurrency == 1 && s.server.opts.Pool == nil
}

// HandleRequest has the handler that is there handle req.
func (s *supervised[Req, Resp]) HandleRequest(ctx context.Context, req Req) (resp Resp, err error) {
	if s.server == nil {
		return resp, errUnattached
	}
	c := s.child.Load()
	if c.broken.Load() && s.alone() {
		return resp, ErrRestarting
	}
	returned := false
	defer func() {
		if !returned {
			s.failed(c, recover())
		}
	}()
	resp, err = c.HandleRequest(ctx, req)
	returned = true
	return resp, err
}

// HandleCommand has the handler that is there handle cmd.
func (s *supervised[Req, Resp]) HandleCommand(ctx context.Context, cmd Req) (err error) {
	if s.server == nil {
		return errUnattached
	}
	c := s.child.Load()
	returned := false
	defer func() {
		if !returned {
			s.failed(c, recover())
		}
	}()
	err = c.HandleCommand(ctx, cmd)
	returned = true
	return err
}

// Offload asks the handler that is there.
func (s *supervised[Req, Resp]) Offload(req Req) (yes bool) {
	c := s.child.Load()
	if s.server == nil || c.offload == nil {
		return false
	}
	returned := false
	defer func() {
		if !returned {
			s.failed(c, recover())
		}
	}()
	yes = c.offload(req)
	returned = true
	return yes
}

// Key asks the handler that is there.
func (s *supervised[Req, Resp]) Key(req Req) (key uint64, ok bool) {
	c := s.child.Load()
	if s.server == nil || c.key == nil {
		return 0, false
	}
	returned := false
	defer func() {
		if !returned {
			s.failed(c, recover())
		}
	}()
	key, ok = c.key(req)
	returned = true
	return key, ok
}

// Start starts the first handler.
func (s *supervised[Req, Resp]) Start(context.Context) error { return s.start(s.child.Load()) }

// Stop stops the handler that is there, unless it has failed.
func (s *supervised[Req, Resp]) Stop(ctx context.Context) error {
	c := s.child.Load()
	if h, ok := base(c.Handler).(Stopper); ok && !c.broken.Load() {
		return h.Stop(ctx)
	}
	return nil
}
