// Package server is the owner's side: a server receives requests and commands
// and runs a handler, one call at a time, so that the handler owns its state
// and needs no lock.
//
//	type counter struct{ n int } // the state: no mutex
//
//	func (c *counter) HandleRequest(ctx context.Context, q Get) (int, error) { return c.n, nil }
//	func (c *counter) HandleCommand(ctx context.Context, cmd Get) error      { c.n++; return nil }
//
//	srv, err := server.New[Get, int](&counter{}, server.Options{})
//	d, err := dispatcher.New(srv, dispatcher.Options{})
//	go srv.Run(ctx)
//	...
//	n, err := d.Request(ctx, Get{})
//	...
//	err = srv.Shutdown(ctx)
//
// A handler can also be a [Funcs] of functions, or a [Mux], which chooses by
// the type of the message.
//
// # Whose goroutine
//
// Being the server is a role, not a goroutine. One goroutine at a time has it and
// runs the handler; if none has, no message waits.
//
//   - A request that finds the server idle may take the role and run the handler
//     on its own goroutine, with no queue, no reply slot and no switch between
//     goroutines. [CallerRuns] says when.
//   - Otherwise the message is queued. Whoever has the role then sees to it, or,
//     if nobody has, its sender takes the role and hands it to the server's own
//     goroutine, which drains the queue and sleeps when it is empty.
//
// Handler calls never overlap, and each sees what the one before wrote. With
// Options.Concurrency above 1, that many goroutines drain the queue instead,
// nobody has the role, and the handler must be safe for concurrent use.
//
// # Lanes
//
// With Options.Lanes there are several queues, one more urgent than the next, and
// dispatcher.Options.Lane says which one a dispatcher sends on. The most urgent
// message that waits is handled next, and [LaneGuard] keeps the less urgent ones
// from waiting forever.
//
// # CPU-heavy messages
//
// A handler that is an [Offloader] sends messages that it chooses to Options.Pool,
// a *pool.Pool for example. Their handler calls run there beside each other and
// beside all others, so they must not touch the handler's state without a lock. The
// server never waits for the pool: what it does not take at once goes to a backlog,
// which has as many places as the queue (Options.Queue.Capacity). When that is
// full, a request fails with [ErrPoolFull], and a command is handed to
// Options.OnCommandError with it.
//
// So a Send of commands that are offloaded is not held back by a pool that is busy:
// it waits for room in the queue, which the server empties into the backlog. To be
// held back, a sender makes them requests, with a dispatcher whose MaxInFlight is no
// more than the backlog has places, and uses Dispatcher.Go if it is not to wait for
// each.
//
// With a [Keyer], offloaded messages with one key, of one user or account for
// example, are handled one after the other, and those with other keys beside them.
//
// # Under overload
//
// All of this is off by default, and costs nothing then. Options.Shed drops
// messages that have waited too long while the queue does not empty,
// Options.DropOldest the oldest of a full queue; their senders are told at once,
// with dispatcher.ErrShed. Options.Adaptive finds out how many handler calls to
// run at once. [Stats] counts the messages that were not handled, by reason.
//
// # The end
//
// Shutdown refuses what is new, handles all that was accepted, calls the handler's
// Stop, and returns nil. Close refuses what was accepted and not handled yet, too,
// and so does the end of Run's ctx. A service that is told to stop, by SIGTERM for
// example, therefore gives Run another ctx than the signal's, and stops from the
// outside in:
//
//	go srv.Run(context.Background()) // not the signal's ctx, whose end is Close
//	<-signalled.Done()
//	err := httpServer.Shutdown(ctx)               // first what sends
//	err = errors.Join(err, srv.Shutdown(ctx))     // then what was accepted
//	err = errors.Join(err, workers.Shutdown(ctx)) // last the pool
//
// Either way each request has an outcome, each command that was accepted and
// not handled is handed to Options.OnCommandError, and no goroutine is left.
//
// # When a handler fails
//
// An error goes to the caller as it is. A panic becomes a [*PanicError] for its
// caller, and the server goes on. A handler that calls runtime.Goexit ends the
// goroutine it runs on, as any function does: its caller's, if the caller runs it;
// else the server replaces its own, and the caller gets [ErrGoexit]. A command has
// no caller that waits: its failure is logged, a panic with its stack, and handed to
// Options.OnCommandError.
//
// With [Supervise], a handler that panicked or called Goexit is replaced by one
// with clean state, and the server ends if that happens too often.
//
// A handler must not wait for its own server, by a Request to it or a Send
// into its full queue, and neither must Options.OnCommandError: the server would
// wait for the handler, or the hook. Such a call ends only with its ctx or
// Timeout; Options.SlowHandler makes it visible. The same holds for servers whose
// handlers wait for each other in a circle.
package server
