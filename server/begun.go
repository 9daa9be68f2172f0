package server

import "sync/atomic"

// begun tells whether the owner has begun another message since somebody looked:
// the watch, or a Shutdown that waits. How far the queue has moved does not tell it:
// the owner pops many at once, and with DropOldest others pop as well.
//
// Who looks leaves asked set. The owner loads it before each message, and if it is
// set, clears it and counts. So a message costs one load of what seldom changes, and
// each look one message a store or two. When the count is the same at two looks of
// one who looks, no message was begun in between, whoever else looks:
//
//   - A look reads the count, then sets asked. So whatever is begun after it finds
//     asked set, unless another message has cleared it since, and one of them counts
//     after the count was read.
//   - The owner clears asked, then counts: the other way round it might clear what
//     was set by a look that has read its count already.
//
// There is one owner at a time, so that the count needs no more than a store.
type begun struct {
	asked atomic.Bool
	count atomic.Uint64
}

// look returns the count.
func (b *begun) look() uint64 {
	n := b.count.Load()
	b.asked.Store(true)
	return n
}

// next is called by the owner before each message.
func (b *begun) next() {
	if b.asked.Load() {
		b.asked.Store(false)
		b.count.Store(b.count.Load() + 1)
	}
}
