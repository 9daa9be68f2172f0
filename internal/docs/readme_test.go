package docs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

func Example_stopping() {
	ctx := context.Background()
	handled := 0
	workers, _ := pool.New(pool.Options{})
	srv, _ := server.New[int, int](server.Funcs[int, int]{
		Command: func(context.Context, int) error { handled++; return nil },
	}, server.Options{Pool: workers})
	d, _ := dispatcher.New(srv, dispatcher.Options{})
	httpServer := &http.Server{}
	signalled, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	for i := 0; i < 10; i++ {
		d.Send(ctx, i)
	}
	stop() // as the signal would

	go srv.Run(context.Background()) // not the signal's ctx
	<-signalled.Done()               // of signal.NotifyContext(ctx, syscall.SIGTERM)
	err := errors.Join(httpServer.Shutdown(ctx), srv.Shutdown(ctx), workers.Shutdown(ctx))

	fmt.Println(handled, err)
	// Output: 10 <nil>
}
