package server

import (
	"errors"
	"fmt"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/errs"
)

var (
	// ErrServerClosed is the error of messages that come after Shutdown or Close,
	// and of those that were queued and not handled yet at the time of Close. For
	// errors.Is it is also dispatcher.ErrClosed and queue.ErrClosed.
	ErrServerClosed = errs.New("server: closed", dispatcher.ErrClosed)

	// ErrNoHandler: there is no handler for a message of this type.
	ErrNoHandler = errors.New("server: no handler")

	// ErrPoolFull: the pool is full, and so is the backlog in front of it, which
	// has as many places as the queue. A request fails with it, and a command is
	// handed to Options.OnCommandError with it. For errors.Is it is also
	// dispatcher.ErrOverloaded.
	ErrPoolFull = errs.New("server: pool full", dispatcher.ErrOverloaded)

	// ErrNoPool: the handler wants the message offloaded, and Options.Pool is
	// nil.
	ErrNoPool = errors.New("server: cannot offload: Options.Pool is nil")

	// ErrGoexit: the handler called runtime.Goexit, or a Starter, Stopper or
	// Executor did.
	ErrGoexit = errors.New("server: handler called runtime.Goexit")

	// ErrRestarting is what next returns to middleware that calls it again after a
	// handler of Supervise has failed, and before that is replaced.
	ErrRestarting = errors.New("server: the handler has failed and is not restarted yet")

	// ErrTooManyRestarts is in the error of Run when a handler of Supervise failed
	// more often than its RestartOptions allow. Use errors.Is.
	ErrTooManyRestarts = errors.New("server: too many restarts")

	// ErrRunTwice is the error of a second Run.
	ErrRunTwice = errors.New("server: Run was called before")
)

// PanicError is the outcome of a handler call that panicked; get it with
// errors.As.
type PanicError struct {
	Value any    // what the handler panicked with
	Stack []byte // of the goroutine at that time, as debug.Stack formats it
}

// Error tells the value, and not the stack.
func (e *PanicError) Error() (text string) {
	defer func() {
		if recover() != nil { // fmt bears with an Error that panics, but not if that of what it panics with does
			text = fmt.Sprintf("server: handler panicked with a %T", e.Value)
		}
	}()
	return fmt.Sprintf("server: handler panicked: %v", e.Value)
}

// Unwrap returns Value if it is an error, so that errors.Is and errors.As see
// it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
