package main

// about says what the benchmarks measure, in the order of the report. Others
// follow under their own names.
var about = []struct{ name, title, text string }{
	{"Request", "Request round trip",
		"The handler does next to nothing, and clients send one request after the other. ctx=none: a context that never ends; ctx=cancel: one that can be cancelled; ctx=timeout: a timeout for each request besides."},
	{"RequestAll", "100 requests at a time", "Per request. The idiom sends all and then collects the replies, idiom-serial asks one by one; idiom-shared and idiom-ctx-shared, which older records lack, have one reply channel for all; idiom-batch and idiom-ctx-batch send one envelope for all 100, mutex locks once for them."},
	{"Pipeline", "Pipelined requests", "Each client has 16 requests under way (Go and Wait). idiom-pooled: the client keeps its 16 reply channels and uses them again; mutex: it calls at once, and has none under way."},
	{"Command", "Commands", "Until all are handled. batch=16: SendAll; idiom and idiom-ctx send them one by one, idiom-batch and idiom-ctx-batch a copy of the slice, and mutex locks once for it."},
	{"Handler", "Handlers that work", "A handler that takes some microseconds of processor time, and clients that take some between two requests (think). p99 stands only where 20 requests or more took longer."},
	{"Paced", "Paced load", "An open loop, 40,000 requests a second from 64 clients, whether the server keeps up or not, for a second. Latency counts from when the client's timer fired, so that a late timer is not the server's fault; but from when the request was due if the client still waited for its last one. late-p99 is how late requests began, for whatever reason; the processor time has that of the clients' timers in it."},
	{"Fairness", "Fairness", "64 clients send what they can for a second."},
	{"Hogs", "Beside two goroutines that burn CPU", "The round trip for half a second, on a machine that has other things to do."},
	{"Queue", "Queues", "Blocking on both sides; ring-batch is PushBatch of 16 and PopBatch of 64; chan-batch is a channel of slices of 16, which go back over another, with room for as many values in all."},
	{"Burst", "Bursts to a sleeping consumer", "100 payloads, from the first put until the last is taken."},
	{"Task", "Tasks on two workers", "Until all have run. chan: goroutines that range over a channel; ants: a Submit for each task; pool: Pool.Submit."},
	{"Offload", "Offloaded requests", "A round trip to a handler on one of two workers. In idiom-ctx, the owner passes envelopes on to a channel of workers; in idiom-direct, clients send to that channel themselves, and so the owner is not asked."},
	{"Idle", "Nothing to do", "A server without requests, and eight consumers of an empty queue."},
}

// describe returns the title and the text of a benchmark.
func describe(name string) (title, text string) {
	for _, a := range about {
		if a.name == name {
			return a.title, a.text
		}
	}
	return name, ""
}

// rank returns where a benchmark stands in the report.
func rank(name string) int {
	for i, a := range about {
		if a.name == name {
			return i
		}
	}
	return len(about)
}

// reading says how to read the tables.
const reading = "Each cell has the median of the rounds, ± how far the farthest round was from it. The second line is the ratio to the " +
	"contestant that is named above the table: the median of the ratios within a round, with the least and the most. Above 1 is better; " +
	"what is ours and below 1 is marked as lost. Compare within a row only, and take a difference below 1.5x for noise."

// contestants says who is who.
var contestants = [][2]string{
	{"idiom", "a goroutine that owns the state, and a channel of envelopes, each with a fresh reply channel; no context"},
	{"idiom-pooled", "the same with pooled reply channels; right only because callers never give up"},
	{"idiom-ctx, idiom-ctx-pooled", "with a select on a context at both ends"},
	{"idiom-timeout, idiom-timer", "with a timeout for each request besides: context.WithTimeout; and a timer and a reply channel that are pooled, and go back only if the reply came"},
	{"idiom-batch, idiom-ctx-batch", "one envelope for a slice of messages; the first lends its requests to the owner while it waits, the second copies them, and both copy commands; copies are pooled"},
	{"mutex", "a lock around a direct call that recovers panics"},
	{"mutex, mutex-batch (of the rivals' queues)", "a slice under a lock, which the consumer takes as a whole"},
	{"sparkpipe, -always, -never", "the defaults, CallerRunsAlways, CallerRunsNever"},
	{"sparkpipe-slices", "the defaults, and each slice is one message, as in idiom-ctx-batch: its requests and commands have one outcome for all"},
}
