// Package pool runs CPU-heavy tasks on a bounded number of workers.
//
//	p, err := pool.New(pool.Options{Workers: 4})
//	...
//	err = p.Submit(ctx, pool.Func(func() { crunch(data) }))
//	...
//	err = p.Shutdown(ctx) // runs what was submitted, then nil
//
// Submit blocks while the queue of tasks is full and obeys its context;
// TrySubmit answers ErrFull at once. A *Pool is a server.Executor: give it to
// server.Options.Pool, and the messages that a handler offloads run here.
//
// # How it works
//
// Tasks go through our own lock-free ring. A worker is a loop that drains it
// and sleeps when it is empty; the goroutines of these loops are lent by ants
// (https://github.com/panjf2000/ants), one long task a loop. Giving ants each
// task by itself costs microseconds a task, and its blocking Submit cannot be
// cancelled; this way ants is on the path only when a worker starts or ends.
//
// Workers start when there is work for them, and end after Options.IdleTimeout
// without any. An idle pool burns no CPU.
//
// # Panics
//
// A task that panics does not harm the pool: the panic is recovered and reported to
// Options.OnPanic, or logged. A task that calls runtime.Goexit ends its goroutine,
// and the pool replaces that. Both are counted in Stats.
//
// # Leak checks
//
// Importing ants starts two goroutines of its own, in any program, whether it
// makes a pool or not. Programs with a leak check of their own can call
// ants.Release once, or ignore them:
//
//	goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers")
//	goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock")
package pool
