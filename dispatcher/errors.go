package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/sparkpipe/sparkpipe/internal/errs"
	"github.com/sparkpipe/sparkpipe/queue"
)

// The refusals. errors.Is matches each with ErrOverloaded, too. None allocates, but
// for what a Limiter of your own returns.
var (
	// ErrOverloaded is what all refusals have in common: the message was not
	// handled because there was too much to do. Trying again later may succeed.
	ErrOverloaded = errors.New("dispatcher: overloaded")

	// ErrRateLimited: the rate limit was reached, or would not have let the
	// message pass before its time was up; then it is also
	// context.DeadlineExceeded, and ErrTimeout if that time was Options.Timeout.
	// From an Options.Limiter it comes wrapped together with the error of its Wait,
	// and is what that is.
	ErrRateLimited = errs.New("dispatcher: rate limit reached", ErrOverloaded)

	// ErrInFlight: MaxInFlight requests await their replies.
	ErrInFlight = errs.New("dispatcher: too many requests in flight", ErrOverloaded)

	// ErrQueueFull: the queue is full. It is also queue.ErrFull.
	ErrQueueFull = errs.New("dispatcher: queue full", ErrOverloaded, queue.ErrFull)

	// ErrShed: the message was accepted, and dropped because it had waited too
	// long, or to make room for another one: see server.Options.Shed and
	// DropOldest.
	ErrShed = errs.New("dispatcher: shed", ErrOverloaded)
)

var (
	// ErrTimeout: Options.Timeout passed before there was a reply. It is also
	// context.DeadlineExceeded. When the caller's own ctx ends, the error is
	// ctx.Err() and not this.
	ErrTimeout = errs.New("dispatcher: request timed out", context.DeadlineExceeded)

	// ErrClosed: the queue or server is closed and accepts nothing more. It is also
	// queue.ErrClosed; server.ErrServerClosed is also ErrClosed.
	ErrClosed = errs.New("dispatcher: closed", queue.ErrClosed)

	// ErrResponseType: As found a response of another type.
	ErrResponseType = errors.New("dispatcher: unexpected response type")
)

// What ErrRateLimited is when the wait would end too late: see there.
var (
	errTooLate        = errs.New("dispatcher: rate limit reached until after the deadline", ErrRateLimited, context.DeadlineExceeded)
	errTooLateTimeout = errs.New("dispatcher: rate limit reached until after the Timeout", ErrRateLimited, ErrTimeout)
)

// is is errors.Is for an error that may be a handler's or a ctx's own, whose methods may
// panic: think of Unwrap of a nil pointer.
func is(err, target error) (yes bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, target)
}

// As returns a response as a T. It takes what Request returns:
//
//	data, err := dispatcher.As[[]uint32](d.Request(ctx, GetData{1}))
//
// An err that is not nil comes back unchanged. If v is not a T the error is
// ErrResponseType, and its text names both types. A nil v is returned as a nil T if
// T is an interface.
func As[T, Resp any](v Resp, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	t, ok := any(v).(T)
	if !ok && any(v) == nil && reflect.TypeFor[T]().Kind() == reflect.Interface {
		return zero, nil
	}
	if !ok {
		return zero, fmt.Errorf("%w: want %v, got %T", ErrResponseType, reflect.TypeFor[T](), any(v))
	}
	return t, nil
}

// accepted translates the errors of a Pusher that is not a server.
func accepted(err error) error {
	switch {
	case err == nil:
		return nil
	case err == queue.ErrFull: // the hot one
		return ErrQueueFull
	case errors.Is(err, ErrClosed) || errors.Is(err, ErrOverloaded):
		return err
	case errors.Is(err, queue.ErrFull):
		return ErrQueueFull
	case errors.Is(err, queue.ErrClosed):
		return ErrClosed
	}
	return err
}
