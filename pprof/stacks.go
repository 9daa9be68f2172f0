package pprof

import (
	"bytes"
	"runtime"
)

// Stacks returns the stacks of all goroutines as text, as a crash prints them,
// however many there are. The program stands still while they are collected:
// milliseconds for some thousands of goroutines. It can be called from many
// goroutines at once.
func Stacks() []byte {
	for buf := make([]byte, 64<<10); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return buf[:n]
		}
		// A full buffer may have been too small.
	}
}

// HandlerStacks is Stacks without the goroutines that are not in a handler call
// of package server, whether they are the server's own, those of callers that run
// their own requests, or workers that run offloaded messages. It is for a service
// that does not end: when Shutdown has run out of time, its error names the
// messages that are still being handled, and this shows where:
//
//	if err := srv.Shutdown(ctx); err != nil {
//		log.Printf("%v\n%s", err, pprof.HandlerStacks())
//	}
//
// The head of each stack tells what its goroutine waits for and, from a minute on,
// for how long. The result is empty if no handler call is under way. Debug pages
// have it as /debug/stacks?handlers.
func HandlerStacks() []byte {
	var kept [][]byte
	for _, stack := range bytes.Split(Stacks(), []byte("\n\n")) {
		for _, call := range handlerCalls {
			if bytes.Contains(stack, call) {
				kept = append(kept, bytes.TrimSpace(stack))
				break
			}
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return append(bytes.Join(kept, []byte("\n\n")), '\n')
}

// handlerCalls are the functions of package server that call handlers, as stacks
// print them.
var handlerCalls = [][]byte{
	[]byte("sparkpipe/server.(*Server[...]).call("),
	[]byte("sparkpipe/server.(*Server[...]).TryInline("),
	[]byte("sparkpipe/server.(*Server[...]).inlineFrom("),
	[]byte("sparkpipe/server.(*laneEngine[...]).tryInline("),
	[]byte("sparkpipe/server.(*roleEngine[...]).commands("),
}
