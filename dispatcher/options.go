package dispatcher

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/arg"
)

// Overflow says what to do when a limit or the queue is reached.
type Overflow uint8

const (
	// Block, the default, waits until there is room, or until ctx or the Timeout
	// ends. A wait for RateLimit that would end after the deadline of ctx or the
	// Timeout is refused at once, with ErrRateLimited, which then also is
	// context.DeadlineExceeded, or ErrTimeout.
	Block  Overflow = iota
	Reject          // refuse at once, with an error that is ErrOverloaded
)

// String returns "block" or "reject".
func (o Overflow) String() string {
	switch o {
	case Block:
		return "block"
	case Reject:
		return "reject"
	}
	return fmt.Sprintf("Overflow(%d)", uint8(o))
}

// Limiter is a rate limit of one's own; *rate.Limiter of golang.org/x/time/rate is
// one. Its methods are called by many goroutines at once.
type Limiter interface {
	// Allow takes a token if there is one now. It must not block.
	Allow() bool
	// Wait takes a token, waiting for it until ctx ends, which it also does with the
	// Timeout and when the server is closed. An error means that none was taken.
	// One that comes before the end of ctx, as that of *rate.Limiter if the wait
	// would be longer, is a refusal: the message fails with an error that is both
	// ErrRateLimited and that one. Why there was no token is not known, so it is
	// context.DeadlineExceeded or ErrTimeout only if that one is. A wait takes a
	// goroutine and some allocations; one for RateLimit takes neither.
	Wait(ctx context.Context) error
}

// Options tunes a Dispatcher. With the zero value there are no limits and no
// Timeout, and senders wait while the queue is full.
type Options struct {
	// RateLimit is how many messages, requests and commands together, may be sent
	// each second: in any period of t seconds, at most Burst + RateLimit × t.
	// Senders that wait are let through in the order in which they came. 0 means no
	// limit (in golang.org/x/time/rate, 0 admits nothing); negative, infinite or
	// NaN is an error. SetRate changes it. Nobody waits for it once the server is
	// closed: the error is then server.ErrServerClosed.
	RateLimit float64

	// Burst is how many messages may be sent at once after a time without any. 0
	// means RateLimit/100, rounded down, and at least 1; negative, or any without
	// RateLimit, is an error.
	Burst int

	// Limiter is a rate limit of the caller's own in place of RateLimit, perhaps
	// shared with others. nil means RateLimit; both is an error.
	Limiter Limiter

	// MaxInFlight is how many requests may await their replies, those of Go and
	// RequestAll included. Those that wait for a place get it in the order in which
	// they came. A Call keeps its place until it has an outcome, and the place is
	// free by the time that Ready is true or Wait returns that outcome. A request of
	// RequestAll keeps its place until RequestAll has collected its reply. Nobody
	// waits for a place once the server is closed. 0 means no limit; negative is an
	// error.
	MaxInFlight int

	// Overflow says whether to wait or to refuse when RateLimit, MaxInFlight
	// or the queue is reached.
	Overflow Overflow

	// Timeout is how long a request may take, from the call to the reply, waiting
	// for limits and for the queue included; then it fails with ErrTimeout. 0 means
	// that only ctx ends a request; negative is an error. Commands have none: use
	// ctx.
	//
	// Neither Timeout nor ctx interrupts a handler that runs on the caller's
	// own goroutine (see server.CallerRuns); its result is returned even when
	// it is late.
	Timeout time.Duration

	// Lane is the lane, of those of server.Options.Lanes, that this dispatcher
	// sends on. 0 is the most urgent one: leave it for those who cannot wait, and
	// take a higher number for those who can. Negative, or a lane that the target
	// does not have, is an error. See the type Lanes.
	Lane int

	// Timing notes for each message that goes through the queue when it was sent,
	// for Envelope.Enqueued. It costs a clock read (20 to 70 ns, by machine). A
	// server whose options need it turns it on by itself.
	Timing bool
}

func (o Options) validate() error {
	if err := validRate("Options.", o.RateLimit, o.Burst); err != nil {
		return err
	}
	switch {
	case o.Limiter != nil && arg.IsNil(o.Limiter):
		return fmt.Errorf("dispatcher: Options.Limiter: a nil %T", o.Limiter)
	case o.Limiter != nil && o.RateLimit != 0:
		return fmt.Errorf("dispatcher: Options.RateLimit and Options.Limiter are both set")
	case o.MaxInFlight < 0:
		return fmt.Errorf("dispatcher: Options.MaxInFlight: %d is negative", o.MaxInFlight)
	case o.Overflow > Reject:
		return fmt.Errorf("dispatcher: Options.Overflow: unknown value %v", o.Overflow)
	case o.Lane < 0:
		return fmt.Errorf("dispatcher: Options.Lane: %d is negative", o.Lane)
	case o.Timeout < 0:
		return fmt.Errorf("dispatcher: Options.Timeout: %v is negative", o.Timeout)
	}
	return nil
}

// validRate checks a rate and a burst, whose names begin with of.
func validRate(of string, rate float64, burst int) error {
	switch {
	case math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0:
		return fmt.Errorf("dispatcher: %sRateLimit: %v is not a rate", of, rate)
	case burst < 0:
		return fmt.Errorf("dispatcher: %sBurst: %d is negative", of, burst)
	case burst > 0 && rate == 0:
		return fmt.Errorf("dispatcher: %sBurst: %d without RateLimit", of, burst)
	}
	return nil
}

// burstOf is burst, or what it is by default.
func burstOf(rate float64, burst int) int {
	if burst == 0 {
		burst = int(min(max(rate/100, 1), math.MaxInt32))
	}
	return burst
}
