// Package dispatcher is the caller's side: it sends requests, which have a
// reply, and commands, which do not, and takes care of what a reply channel
// written by hand leaves out: timeouts, limits, refusals, late replies.
//
//	d, err := dispatcher.New[Req, Resp](srv, dispatcher.Options{Timeout: time.Second})
//	...
//	resp, err := d.Request(ctx, req) // waits for the reply
//	err = d.Send(ctx, cmd)           // waits until it is accepted
//
// What a dispatcher sends to is usually a *server.Server, but any queue of
// envelopes will do:
//
//	q, err := queue.NewRing[dispatcher.Envelope[Req, Resp]](queue.Options{})
//	d, err := dispatcher.New[Req, Resp](q, dispatcher.Options{})
//	...
//	e, err := q.Pop(ctx)
//	if e.IsRequest() && !e.Abandoned() && e.Context().Err() == nil {
//		e.Reply(answer(e.Message()))
//	}
//
// # More than one at a time
//
// [Dispatcher.Go] sends a request and returns at once with a [Call] to wait on
// later; [Dispatcher.RequestAll] and [Dispatcher.SendAll] send many.
//
// # Back-pressure
//
// By default a sender waits: for the rate limit, for a place among the requests in
// flight, for room in the queue. With Overflow set to Reject it does not, and the
// refusal says why. Every refusal matches [ErrOverloaded] and says which limit it
// was: [ErrRateLimited], [ErrInFlight], [ErrQueueFull], [ErrShed] or
// server.ErrPoolFull. None of them allocates, unless a Limiter of your own adds its
// reason.
//
//	if errors.Is(err, dispatcher.ErrOverloaded) {
//		w.WriteHeader(http.StatusServiceUnavailable)
//	}
//
// # The reply
//
// A request has one outcome: the handler's reply, the handler's error as it
// is, or a named error. When the caller's context or the Timeout ends first,
// the request is abandoned: it is not handled if its turn has not come, and a
// reply that comes later is dropped. It cannot reach another caller.
package dispatcher
