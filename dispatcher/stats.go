package dispatcher

import (
	"context"
	"time"
)

// The counters of Stats.
const (
	cQueued = iota
	cAnswered
	cCommands
	cRateLimited
	cInFlightFull
	cQueueFull
	cCancelled
	cTimedOut
)

// refused counts err, if it is one of the reasons why a message was not
// accepted or a request had no reply, and returns it.
func (d *Dispatcher[Req, Resp]) refused(err error) error {
	switch err {
	case nil:
	case ErrRateLimited:
		d.counters.Add(cRateLimited, 1)
	case ErrInFlight:
		d.counters.Add(cInFlightFull, 1)
	case ErrQueueFull:
		d.counters.Add(cQueueFull, 1)
	case ErrTimeout:
		d.counters.Add(cTimedOut, 1)
	case context.Canceled, context.DeadlineExceeded:
		d.counters.Add(cCancelled, 1)
	default:
		if is(err, ErrRateLimited) { // with a Limiter's own reason
			d.counters.Add(cRateLimited, 1)
		}
	}
	return err
}

// isOf reports whether err, a reply's, is that of the request's own ctx: a server
// answers so what it does not handle because ctx has ended, perhaps before the caller
// knows of that. It may even be before ctx does, whose timer may be late. Methods of
// ctx may panic.
func isOf(ctx context.Context, err error) (is bool) {
	if err != context.Canceled && err != context.DeadlineExceeded {
		return false
	}
	defer func() { _ = recover() }()
	if ctx.Err() == err {
		return true
	}
	at, ok := ctx.Deadline()
	return ok && err == context.DeadlineExceeded && !time.Now().Before(at)
}

// Stats is what a dispatcher counted since New. Its fields are read one after the
// other while the dispatcher works; at rest they are exact. Requests that ran on
// their callers' goroutines are in none of the first four: the server counts them
// (server.Stats.Inline), since it can do so at no cost. Nor are they in Cancelled.
type Stats struct {
	Queued   uint64 // requests that were accepted by the queue
	Answered uint64 // of those, the ones that are over for their caller: answered, failed or given up
	Commands uint64 // commands that were accepted
	InFlight int    // the difference: requests that await their reply, or in RequestAll to be collected

	// Messages that were not accepted, by reason.
	RateLimited  uint64 // ErrRateLimited
	InFlightFull uint64 // ErrInFlight
	QueueFull    uint64 // ErrQueueFull

	TimedOut  uint64 // requests that ended with ErrTimeout, accepted or not, and are not in RateLimited
	Cancelled uint64 // messages that ended with the error of their ctx, accepted or not
}

// Stats returns the dispatcher's counters.
func (d *Dispatcher[Req, Resp]) Stats() Stats {
	s := Stats{
		Answered:     d.counters.Load(cAnswered), // before Queued, so that InFlight is not negative
		Queued:       d.counters.Load(cQueued),
		Commands:     d.counters.Load(cCommands),
		RateLimited:  d.counters.Load(cRateLimited),
		InFlightFull: d.counters.Load(cInFlightFull),
		QueueFull:    d.counters.Load(cQueueFull),
		TimedOut:     d.counters.Load(cTimedOut),
		Cancelled:    d.counters.Load(cCancelled),
	}
	// A Call may be answered before Go has counted it.
	s.InFlight = int(max(s.Queued, s.Answered) - s.Answered)
	return s
}
