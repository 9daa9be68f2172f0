package pprof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/pprof"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

// Profiles of a running program, to be opened with go tool pprof and go tool
// trace.
func ExampleCapture() {
	dir, err := os.MkdirTemp("", "profiles")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	// A program would give it some seconds.
	if err := pprof.Capture(context.Background(), dir, 10*time.Millisecond); err != nil {
		fmt.Println(err)
		return
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		fmt.Println(f.Name())
	}
	// Output:
	// allocs.pprof
	// block.pprof
	// cpu.pprof
	// goroutine.pprof
	// heap.pprof
	// mutex.pprof
	// trace.out
}

// The pages of a service, with the numbers of its server and of its clients.
func ExampleNewHandler() {
	h := server.Funcs[int, int]{
		Request: func(_ context.Context, n int) (int, error) { return 2 * n, nil },
	}
	srv, err := server.New[int, int](h, server.Options{Name: "doubler"})
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
	defer srv.Shutdown(context.Background())

	pages, err := pprof.NewHandler(
		pprof.Stats("doubler", srv),
		pprof.Stats("clients", d),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux() // for a port that the world does not reach
	mux.Handle("/debug/", pages)
	ops := httptest.NewServer(mux)
	defer ops.Close()

	for _, page := range []string{"sparkpipe", "stacks", "pprof/heap"} {
		resp, err := http.Get(ops.URL + "/debug/" + page)
		if err != nil {
			fmt.Println(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(page, resp.Status)
	}
	// Output:
	// sparkpipe 200 OK
	// stacks 200 OK
	// pprof/heap 200 OK
}

// Whatever has numbers is a source.
func ExampleHandler_Add() {
	q, err := queue.NewRing[string](queue.Options{Capacity: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	q.TryPush("job")

	var pages pprof.Handler
	err = pages.Add(pprof.Source{Name: "jobs", Stats: func() any {
		return map[string]int{"waiting": q.Len(), "room": q.Cap()}
	}})
	fmt.Println(err)

	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequest("GET", "/debug/sparkpipe", nil))
	fmt.Print(w.Body)
	// Output:
	// <nil>
	// {
	//   "jobs": {
	//     "room": 8,
	//     "waiting": 1
	//   }
	// }
}
