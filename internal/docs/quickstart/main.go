package main

import (
	"context"
	"fmt"
	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

func main() {
	ctx := context.Background()
	balance := 0 // the state: no mutex
	srv, _ := server.New[int, int](server.Funcs[int, int]{
		Request: func(_ context.Context, deposit int) (int, error) {
			balance += deposit
			return balance, nil
		},
		Command: func(_ context.Context, percent int) error {
			balance += balance * percent / 100
			return nil
		},
	}, server.Options{})
	d, _ := dispatcher.New(srv, dispatcher.Options{})
	go srv.Run(ctx)
	fmt.Println(d.Request(ctx, 100)) // a request has a reply: 100 <nil>
	fmt.Println(d.Send(ctx, 10))     // a command has none: <nil>
	fmt.Println(d.Request(ctx, 0))   // 110 <nil>
	fmt.Println(srv.Shutdown(ctx))   // handles what was accepted: <nil>
}
