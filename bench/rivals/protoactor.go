package rivals

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// overProtoactor asks an actor with RequestFuture, which has a timeout for each
// request and no context.
func overProtoactor() Asked {
	quiet := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	})
	sys := actor.NewActorSystem(quiet)
	var st state
	pid := sys.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(Message); ok {
			c.Respond(st.ask(m))
		}
	}))
	return Asked{
		Ask: func(_ context.Context, m Message) (Answer, error) {
			v, err := sys.Root.RequestFuture(pid, m, time.Minute).Result()
			if err != nil {
				return Answer{}, err
			}
			return v.(Answer), nil
		},
		Close: func() uint64 {
			_ = sys.Root.PoisonFuture(pid).Wait()
			sys.Shutdown()
			return st.sum
		},
	}
}
