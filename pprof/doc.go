// Package pprof is what an operator attaches to a running service: it captures
// profiles and an execution trace to files, and serves them, the goroutines'
// stacks and the Stats of servers, dispatchers, queues and pools over HTTP.
//
// Ten seconds of a running program, in seven files:
//
//	err := pprof.Capture(ctx, "profiles", 10*time.Second)
//
// Open them with
//
//	go tool pprof -http=: profiles/cpu.pprof
//	go tool trace profiles/trace.out
//
// The same while the service serves, on a port that the world does not reach:
//
//	h, err := pprof.NewHandler(
//		pprof.Stats("store", srv),     // a *server.Server
//		pprof.Stats("clients", d),     // a *dispatcher.Dispatcher
//		pprof.Stats("workers", tasks), // a *pool.Pool
//	)
//	...
//	http.Handle("/debug/", h)
//
// Then:
//
//	go tool pprof -http=: 'http://localhost:6060/debug/pprof/profile?seconds=10'
//	curl localhost:6060/debug/sparkpipe
//	curl localhost:6060/debug/stacks
//
// # A service that does not end
//
// The error of a Shutdown that has run out of time names the messages that are
// still being handled. [HandlerStacks] shows where their handler stands and, while
// the service still serves, so does:
//
//	curl 'localhost:6060/debug/stacks?handlers'
//
// # Sources
//
// Anything else that has numbers to show is a [Source] of its own:
//
//	err = h.Add(pprof.Source{Name: "cache", Stats: func() any { return cache.Len() }})
//
// # Whose goroutine is that
//
// Servers and pools label their goroutines with their Options.Name, under the
// keys "server" and "pool". In go tool pprof, -tagfocus=server=store selects
// those of one server and -tags lists them; /debug/pprof/goroutine?debug=1 shows
// them too. A request that a server runs on its caller's goroutine counts as its
// caller's, with the caller's labels.
//
// # What importing does
//
// Nothing. The pages are made with runtime/pprof and runtime/trace; importing
// net/http/pprof would add pages to http.DefaultServeMux of every program that
// imports this package. Three of its pages are left out here: cmdline, as arguments
// can be secrets; symbol, which today's profiles do not need; and the difference of
// two profiles (?seconds= for heap and others), for which there is go tool pprof
// -diff_base.
//
// # What is global
//
// A process has one CPU profiler, one tracer and one pair of mutex and block
// profile rates, whoever uses them. Hence one [Capture] at a time, and [ErrBusy].
package pprof
