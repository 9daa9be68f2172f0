package server_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// journal keeps lines in memory and writes them at the end. It embeds Funcs, and
// so needs no HandleRequest.
type journal struct {
	server.Funcs[string, int]
	token   context.Context
	pending []string
}

func (j *journal) HandleCommand(_ context.Context, line string) error {
	j.pending = append(j.pending, line)
	return nil
}

// Start is given the server's token, for goroutines that are to end with it.
func (j *journal) Start(token context.Context) error {
	j.token = token
	return nil
}

// Stop comes after the last message, so that the state needs no lock here either.
func (j *journal) Stop(context.Context) error {
	fmt.Println("written:", strings.Join(j.pending, ", "))
	fmt.Println("token:", context.Cause(j.token))
	return nil
}

// A handler that is told when the server starts and ends.
func ExampleStopper() {
	srv, err := server.New[string, int](&journal{}, server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dispatcher.New(srv, dispatcher.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Run(context.Background())

	ctx := context.Background()
	fmt.Println(d.SendAll(ctx, []string{"a", "b", "c"}))
	fmt.Println("shutdown:", srv.Shutdown(ctx)) // Stop's error, if it has one
	// Output:
	// 3 <nil>
	// written: a, b, c
	// token: server: closed
	// shutdown: <nil>
}
