package docs

import (
	"context"
	"fmt"
	"strings"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// A loop that takes all that waits at once: a command is a line, and a request comes
// after each write.
type writer struct {
	self  *dispatcher.Dispatcher[string, struct{}]
	write func(lines []string)
	lines []string
	turn  chan struct{} // of capacity 1: full while a write is under way
}

func (w *writer) HandleCommand(_ context.Context, line string) error {
	w.lines = append(w.lines, line)
	w.next()
	return nil
}

func (w *writer) HandleRequest(context.Context, string) (struct{}, error) {
	w.next()
	return struct{}{}, nil
}

func (w *writer) next() {
	switch {
	case len(w.lines) == 0:
		return
	case len(w.lines) >= 1000:
		w.turn <- struct{}{} // the handler waits, and then so do its senders
	default:
		select {
		case w.turn <- struct{}{}:
		default:
			return // the request after the write will be here again
		}
	}
	go func(lines []string) {
		w.write(lines)
		<-w.turn // and not after the request: the handler may wait for it
		w.self.Request(context.Background(), "")
	}(w.lines)
	w.lines = nil
}

func (w *writer) Stop(context.Context) error {
	w.turn <- struct{}{} // no write is under way
	if len(w.lines) > 0 {
		w.write(w.lines)
	}
	return nil
}

func Example_collect() {
	ctx := context.Background()
	written := make(chan []string)
	w := &writer{write: func(lines []string) { written <- lines }, turn: make(chan struct{}, 1)}
	srv, err := server.New[string, struct{}](w, server.Options{})
	if err != nil {
		panic(err)
	}
	w.self, err = dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		panic(err)
	}
	go srv.Run(ctx)
	for _, line := range strings.Fields("a b c d") {
		w.self.Send(ctx, line)
	}
	ended := make(chan error)
	go func() { ended <- srv.Shutdown(ctx) }()
	all := 0
	for {
		select {
		case lines := <-written:
			all += len(lines)
			continue
		case err := <-ended:
			fmt.Println(all, err)
		}
		break
	}
	// Output: 4 <nil>
}
