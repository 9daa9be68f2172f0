package server

import "github.com/sparkpipe/sparkpipe/queue"

// The counters of Stats.
const (
	cRequests = iota // on workers, over a backend other than the ring, and with Concurrency
	cCommands
	cFailed
	cPanicked
	cExpired
	cRefused
	cOffloaded
	cPoolFull
	cShed
	cEvicted
	cNotOffloaded
)

// Stats is what a server counted since New. Its fields are read one after the other
// while the server works, and Inline, Requests and Commands may then be up to 64
// behind.
//
// At rest all accepted messages are accounted for: Queue.Pushed, which is each
// request that was not on its caller's goroutine and each command, is the sum of
// Requests, Commands, Expired, Refused, NotOffloaded, PoolFull, Shed and Evicted. A
// request whose Offload panics on its caller's goroutine was neither queued nor
// handled, and counts in Panicked only. Messages that were not accepted are counted
// in dispatcher.Stats, by reason.
type Stats struct {
	Inline   uint64 // requests handled on their callers' goroutines
	Requests uint64 // requests handled from the queue, offloaded ones included
	Commands uint64 // commands handled, offloaded ones included

	Failed   uint64 // of all these, handler calls that returned an error
	Panicked uint64 // calls of the handler, its Offload, its Key and a request's ctx that panicked or called Goexit

	Expired  uint64 // requests not handled because their caller had gone
	Refused  uint64 // messages not handled because of Close
	PoolFull uint64 // messages not handled because pool and backlog were full
	Shed     uint64 // messages not handled because they had waited too long: Options.Shed
	Evicted  uint64 // messages not handled because others needed their places: Options.DropOldest

	NotOffloaded uint64 // queued messages not handled because Offload, Key, ctx or the pool failed, or there is no pool

	InFlight int // messages queued or offloaded; up to 32 that were taken from the queue already are not in it

	Offloaded uint64 // messages handed to the pool or its backlog
	Backlog   int    // of those, waiting for the pool or for their key

	Restarts uint64 // how often Supervise has replaced a handler that failed

	Limit        int // Options.Adaptive: how many goroutines may drain the queue now; 0 without it, and with Concurrency 1
	OffloadLimit int // and how many messages the pool may have; 0: no limit

	Queue queue.Stats // the queue of messages; with Options.Lanes, the sum of all
	Lanes []LaneStats // each by itself; nil unless Options.Lanes is above 1
	Fast  bool        // CallerRunsAuto: the handler has proved fast

	Timing *Timing // with Options.Timing; otherwise nil
}

// LaneStats is what a server counted of one lane: messages that were queued on it.
// At rest the Queues add up to that of Stats, Evicted to Stats.Evicted, and Queued,
// with Options.Timing, to that of Timing.
type LaneStats struct {
	Queue   queue.Stats
	Shed    uint64     // of Stats.Shed, those that were shed when they left the lane: not on the pool
	Evicted uint64     // of Stats.Evicted
	Queued  *Durations // how long messages waited, as Timing.Queued; nil without Options.Timing
}

// Stats returns the server's counters. It does not block for long: not while a
// handler call runs.
func (s *Server[Req, Resp]) Stats() Stats {
	st := Stats{
		Requests: s.counters.Load(cRequests),
		Commands: s.counters.Load(cCommands),
		Failed:   s.counters.Load(cFailed),
		Panicked: s.counters.Load(cPanicked),
		Expired:  s.counters.Load(cExpired),
		Refused:  s.counters.Load(cRefused),
		PoolFull: s.counters.Load(cPoolFull),
		Shed:     s.counters.Load(cShed),
		Evicted:  s.counters.Load(cEvicted),

		NotOffloaded: s.counters.Load(cNotOffloaded),
		Offloaded:    s.counters.Load(cOffloaded),
	}
	if s.supervised != nil {
		st.Restarts = s.supervised.restarts.Load()
	}
	if s.keys != nil {
		st.Backlog = s.keys.len()
	} else if s.backlog != nil {
		st.Backlog = s.backlog.Len()
	}
	if s.engine != nil {
		inline, requests, commands := s.owning.counts(s.engine, s.done)
		st.Inline = inline
		st.Requests += requests
		st.Commands += commands
		st.Fast = s.owning.pace.fast.Load()
	}
	switch {
	case s.role != nil:
		st.Queue = s.role.stats()
	case s.lanes != nil:
		st.Lanes, st.Queue = s.lanes.stats()
	default:
		st.Queue = s.loops.Stats()
	}
	st.Limit, st.OffloadLimit = s.adaptive.now(), s.parallel.now()
	st.InFlight = st.Queue.Len + int(s.offloading.Load())
	st.Timing = s.timing(st.Queue.Cap)
	return st
}
