// Package bench compares sparkpipe with what people write by hand. It has no
// code but its benchmarks:
//
//	go test -run '^$' -bench . ./bench
//
// The parts of a name are key=value pairs, and impl comes last, so that benchstat
// can put the contestants of a row side by side (make benchstat):
//
//	benchstat -ignore round,foreign-cores -table .name,/ctx -col /impl FILE
//
// Without -ignore, each round in a file of bench/cmd/compare is a table of its
// own, and without -table, a row has a column for each contestant of any row.
//
// Those of requests and commands:
//
//   - idiom: a goroutine that owns the state, and a channel of envelopes, each
//     with a fresh reply channel; no context, no timeout, no recovery of panics
//   - idiom-pooled: the same, with reply channels from a sync.Pool; right only
//     because each caller waits for its reply, however long that takes
//   - idiom-ctx: idiom with a select on a context at both ends
//   - idiom-ctx-pooled: the same with reply channels from a sync.Pool, where
//     those of abandoned requests do not go back
//   - idiom-timeout: idiom-ctx with a context.WithTimeout for each request, as
//     most people do
//   - idiom-timer: idiom-ctx-pooled with a timer for each request besides, from
//     a sync.Pool as its reply channel
//   - idiom-serial: what is asked for many replies, by idiom one by one
//   - idiom-shared, idiom-ctx-shared: the same over idiom and idiom-ctx, with one
//     reply channel for all of them, where the others have one for each
//   - idiom-batch: an envelope holds a slice of messages, and there is one signal
//     when all are answered; requests lend the caller's slices to the owner,
//     right only because each caller waits; commands are copied into slices from
//     a sync.Pool
//   - idiom-ctx-batch: idiom-batch with a select on a context at both ends, and
//     copies of requests and answers, too
//   - idiom-direct: idiom-ctx without an owner: clients send to the workers
//   - mutex: a lock around a direct call that recovers panics, the floor for
//     serial state; a batch is locked once, and there is nothing to pipeline
//   - sparkpipe, sparkpipe-always, sparkpipe-never: the default, and
//     server.CallerRunsAlways and CallerRunsNever
//
// Those of queues are chan, chan-batch (a channel of slices of 16, which go back
// over another), ring (queue.Ring) and ring-batch (PushBatch of 16, PopBatch of
// 64); those of pools are named where they are.
//
// The handler does the same work for all, and each benchmark ends when every
// message is known to have been handled: the values of the messages count up
// from 1, and the handler's sum of them is checked. Work is counted in
// iterations of a loop that is calibrated once, so that no clock is read in it.
package bench
