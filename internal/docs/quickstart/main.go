package main

import (
	"context"
	"fmt"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

type account struct{ balance int } // the state: no mutex

func (a *account) HandleRequest(_ context.Context, deposit int) (int, error) {
	a.balance += deposit
	return a.balance, nil
}

func (a *account) HandleCommand(_ context.Context, interest int) error {
	a.balance += a.balance * interest / 100
	return nil
}

func main() {
	ctx := context.Background()
	srv, _ := server.New[int, int](&account{}, server.Options{})
	d, _ := dispatcher.New(srv, dispatcher.Options{})
	go srv.Run(ctx)
	fmt.Println(d.Request(ctx, 100)) // a request has a reply: 100 <nil>
	fmt.Println(d.Send(ctx, 10))     // a command has none: <nil>
	fmt.Println(d.Request(ctx, 0))   // 110 <nil>
	fmt.Println(srv.Shutdown(ctx))   // handles what was accepted: <nil>
}
