package docs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// What a loop with a select over several channels becomes: a message type for each
// channel, and a goroutine that sends the ticks.
type (
	put   struct{ key, value string }
	drop  struct{ key string }
	await struct{ key string }
	flush struct{}
)

type store struct {
	server.Mux // with Start and Stop beside it
	self       *dispatcher.Dispatcher[any, any]
	ended      sync.WaitGroup
	values     map[string]string
	waiting    map[string][]chan string
	flushed    func()
}

func (s *store) routes() {
	server.RouteCommand(&s.Mux, func(_ context.Context, p put) error {
		s.values[p.key] = p.value
		for _, later := range s.waiting[p.key] {
			later <- p.value
		}
		delete(s.waiting, p.key)
		return nil
	})
	server.RouteCommand(&s.Mux, func(_ context.Context, d drop) error {
		delete(s.values, d.key)
		return nil
	})
	server.RouteRequest(&s.Mux, func(context.Context, flush) (int, error) {
		s.flushed()
		return len(s.values), nil
	})
	server.RouteRequest(&s.Mux, func(_ context.Context, a await) (<-chan string, error) {
		later := make(chan string, 1) // so that the handler need not wait for the caller
		if v, ok := s.values[a.key]; ok {
			later <- v
		} else {
			s.waiting[a.key] = append(s.waiting[a.key], later)
		}
		return later, nil
	})
}

func (s *store) Start(token context.Context) error {
	s.ended.Add(1)
	go func() {
		defer s.ended.Done()
		t := time.NewTicker(time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				s.self.Request(token, flush{}) // and no Send: ticks do not pile up
			case <-token.Done():
				return
			}
		}
	}()
	return nil
}

func (s *store) Stop(context.Context) error {
	s.ended.Wait()
	for _, all := range s.waiting {
		for _, later := range all {
			close(later)
		}
	}
	return nil
}

func Example_loop() {
	ctx := context.Background()
	ticks := make(chan struct{}, 1000)
	s := &store{values: map[string]string{}, waiting: map[string][]chan string{}}
	s.flushed = func() {
		select {
		case ticks <- struct{}{}:
		default:
		}
	}
	s.routes()
	srv, err := server.New[any, any](s, server.Options{})
	if err != nil {
		panic(err)
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		panic(err)
	}
	s.self = d // before Run, which calls Start
	go srv.Run(ctx)

	later, err := dispatcher.As[<-chan string](d.Request(ctx, await{"a"}))
	fmt.Println(err)
	fmt.Println(d.Send(ctx, put{"a", "here"}))
	fmt.Println(<-later)
	fmt.Println(d.Send(ctx, drop{"a"}))
	never, err := dispatcher.As[<-chan string](d.Request(ctx, await{"a"}))
	fmt.Println(err)
	<-ticks
	<-ticks
	fmt.Println(srv.Shutdown(ctx))
	_, ok := <-never
	fmt.Println(ok)
	// Output:
	// <nil>
	// <nil>
	// here
	// <nil>
	// <nil>
	// <nil>
	// false
}
