package docs

import (
	"context"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// A loop with one timer, which it sets to whatever is due next.
type (
	lease struct {
		key string
		due time.Time
	}
	wake struct{}
)

type leases struct {
	server.Mux
	self    *dispatcher.Dispatcher[any, any]
	timer   *time.Timer
	due     map[string]time.Time
	expired func(key string)
}

func (l *leases) routes() {
	server.RouteCommand(&l.Mux, func(_ context.Context, m lease) error {
		defer l.arm()
		l.due[m.key] = m.due
		return nil
	})
	server.RouteCommand(&l.Mux, func(context.Context, wake) error {
		defer l.arm() // deferred: after a panic no further wake would come
		l.sweep()
		return nil
	})
}

func (l *leases) sweep() {
	for key, due := range l.due {
		if !time.Now().Before(due) {
			delete(l.due, key)
			l.expired(key)
		}
	}
}

func (l *leases) Start(token context.Context) error {
	l.timer = time.AfterFunc(time.Hour, func() { l.self.Send(token, wake{}) })
	return nil
}

func (l *leases) Stop(context.Context) error {
	l.timer.Stop()
	l.sweep()
	return nil
}

// arm sets the timer to the lease that ends next.
func (l *leases) arm() {
	next := time.Now().Add(time.Hour)
	for _, due := range l.due {
		if due.Before(next) {
			next = due
		}
	}
	l.timer.Reset(time.Until(next))
}

func Example_timer() {
	ctx := context.Background()
	expired := make(chan string, 2)
	l := &leases{due: map[string]time.Time{}, expired: func(key string) { expired <- key }}
	l.routes()
	srv, err := server.New(l, server.Options{})
	if err != nil {
		panic(err)
	}
	l.self, err = dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		panic(err)
	}
	go srv.Run(ctx)
	now := time.Now()
	l.self.Send(ctx, lease{"never", now.Add(24 * time.Hour)})
	l.self.Send(ctx, lease{"second", now.Add(2 * time.Millisecond)})
	l.self.Send(ctx, lease{"first", now.Add(time.Millisecond)}) // the timer is set anew
	fmt.Println(len(<-expired) > 0, len(<-expired) > 0)
	fmt.Println(srv.Shutdown(ctx), len(l.due))
	// Output:
	// true true
	// <nil> 1
}
