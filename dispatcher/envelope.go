package dispatcher

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/reply"
)

// Envelope is a message on its way to a handler, with what is needed to answer
// it. A dispatcher makes it; it is small and passed by value, and copies are
// the same message. Its methods may be called by any goroutine, at any time.
// The zero value is a command without a message.
type Envelope[Req, Resp any] struct {
	ctx  context.Context
	msg  Req
	slot *reply.Slot[Resp] // nil: a command
	gen  uint64            // the slot's generation when this request was sent
	at   time.Duration     // from epoch to Enqueued; 0: not taken
}

// epoch is what stamps count from, by the monotonic clock: an age that a step of
// the wall clock can change is not one to drop messages by.
var epoch = time.Now()

// Context returns the sender's context as it was given, never nil.
func (e Envelope[Req, Resp]) Context() context.Context {
	if e.ctx == nil {
		return context.Background()
	}
	return e.ctx
}

// Message returns the message.
func (e Envelope[Req, Resp]) Message() Req { return e.msg }

// IsRequest reports whether the sender waits for a reply; if not, the message
// is a command.
func (e Envelope[Req, Resp]) IsRequest() bool { return e.slot != nil }

// Reply answers a request: its caller returns resp and err as they are. The
// first call wins and returns true. A second one, one that comes after the
// caller has gone, and one for a command change nothing and return false.
// Reply never blocks.
//
// Code that takes envelopes from a queue of its own must answer every request, or
// its caller waits until its context or Timeout ends.
func (e Envelope[Req, Resp]) Reply(resp Resp, err error) bool {
	return e.slot != nil && e.slot.Resolve(e.gen, resp, err)
}

// Abandoned reports whether nobody waits for this request any more: it was
// answered, or its caller has left because its context or Timeout had ended. Then
// there is no point in handling it. For a request sent with Go the end of its time
// is noticed only when somebody calls Wait or Ready, so look at Context, too. A
// command is never abandoned.
func (e Envelope[Req, Resp]) Abandoned() bool {
	return e.slot != nil && !e.slot.Live(e.gen)
}

// Enqueued returns when the dispatcher offered the message to the queue, with a
// monotonic clock reading, so that time.Since tells its age, any wait for room
// included. It is the zero time unless Options.Timing is on, or the target asks for
// it (see Stamped).
func (e Envelope[Req, Resp]) Enqueued() time.Time {
	if e.at == 0 {
		return time.Time{}
	}
	return epoch.Add(e.at)
}
