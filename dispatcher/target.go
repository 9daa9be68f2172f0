package dispatcher

import (
	"context"
	"fmt"

	"github.com/sparkpipe/sparkpipe/internal/arg"
	"github.com/sparkpipe/sparkpipe/queue"
)

// What the target of a dispatcher, a queue.Pusher, may offer besides. New looks for
// each of these, and for queue.TimedPusher.

// Inline is an optional interface of a queue.Pusher: a way to run a request at once
// on the caller's goroutine, without queue and reply slot. *server.Server has it.
type Inline[Req, Resp any] interface {
	// TryInline runs req, or returns false as ran and has not begun to: then the
	// request is queued, and resp and err mean nothing. It is called by many
	// goroutines at once, with a ctx that is not nil.
	TryInline(ctx context.Context, req Req) (resp Resp, err error, ran bool)
}

// InlineAll is an optional interface of a queue.Pusher: Inline for several requests.
// *server.Server has it. RequestAll of a dispatcher without limits and Timeout uses
// it, and then does not use Inline: a type that embeds a server and overrides
// TryInline has to override TryInlineAll, too.
type InlineAll[Req, Resp any] interface {
	// TryInlineAll runs reqs from the first on, sets out[i] to the outcome of
	// reqs[i], and returns how many it ran, from 0 to all: fewer if somebody else
	// waits, ctx has ended or the next one must be queued. out is as long as reqs.
	TryInlineAll(ctx context.Context, reqs []Req, out []Result[Resp]) (ran int)
}

// Closing is an optional interface of a queue.Pusher that tells when it refuses all
// messages. *server.Server has it.
type Closing interface {
	// Closing returns a channel that is closed once every push is refused. New calls
	// it once. When the channel is closed no message waits for the rate limit or for a
	// place in flight, or is refused because of them: the push refuses it.
	Closing() <-chan struct{}
}

// Stamped is an optional interface of a queue.Pusher that needs to know how old
// messages are. *server.Server has it.
type Stamped interface {
	// WantsEnqueued reports whether to stamp each message that is queued, for
	// Envelope.Enqueued, as with Options.Timing. New calls it once.
	WantsEnqueued() bool
}

// Lanes is an optional interface of a queue.Pusher that has several lanes, of which
// Options.Lane chooses one. *server.Server has it.
type Lanes[Req, Resp any] interface {
	// Lane returns lane i, counted from 0, or an error that says how many there
	// are. New calls it once, unless Options.Lane is 0, and looks for the other
	// optional interfaces in what it returns.
	Lane(i int) (queue.Pusher[Envelope[Req, Resp]], error)
}

// lane returns lane i of to.
func lane[Req, Resp any](to queue.Pusher[Envelope[Req, Resp]], i int) (queue.Pusher[Envelope[Req, Resp]], error) {
	lanes, ok := to.(Lanes[Req, Resp])
	if !ok {
		return nil, fmt.Errorf("%d: a %T has no lanes", i, to)
	}
	to, err := lanes.Lane(i)
	if err == nil && arg.IsNil(to) {
		err = fmt.Errorf("%d: the lane is nil", i)
	}
	return to, err
}
