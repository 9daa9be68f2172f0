package ring

// # The role: being the consumer is a bit, not a goroutine
//
// A ring is idle or owned, and not owned means empty. Its states, with what
// changes them:
//
//	                TryOwn: CAS, only if idle and open
//	         ┌─────────────────────────────────────────────┐
//	         │      PushOwned on an idle ring: CAS         ▼
//	┌────────┴───┐  tail+step | owned              ┌──────────────┐
//	│ idle       │ ──────────────────────────────▶ │ owned        │ ─┐ PushOwned by
//	│ (empty)    │ ◀────────────────────────────── │              │ ◀┘ others: CAS tail
//	└────────┬───┘  Release: CAS, only if empty    └──────┬───────┘
//	         │      and open                              │
//	         │ Close: CAS tail | closed | owned            │ Close: CAS tail | closed
//	         ▼                                             ▼
//	┌──────────────────────────────────────────────────────────────┐
//	│ closed and owned, for good: the last owner drains and ends   │
//	└──────────────────────────────────────────────────────────────┘
//
// Whoever takes the ring from idle to owned has the role: the one that called
// TryOwn, the push that found it idle, or the Close that did. The owner may
// hand the role to another goroutine by any means that orders the two (a
// park.Token); the bit stays set meanwhile.
//
// Why no message is left behind: a message is published by a push whose CAS
// set or found the owned bit. If it set it, the pusher has the role and sees
// to the message. If it found it, some owner has not released yet, and Release
// is a CAS on the very word that the push changed: it fails exactly when
// somebody pushed (or closed) since the owner last saw the ring empty. So no
// flag says that the consumer sleeps, and there is nothing to re-check.
//
// Why one owner sees what the one before wrote: the release CAS and the next
// acquiring CAS are on one word, and one happens before the other.
//
// The idea is flat combining (Hendler, Incze, Shavit, Tzafrir, "Flat combining
// and the synchronization-parallelism tradeoff", SPAA 2010) with a ring as the
// publication list and the combiner's lock in its tail word.

// Note is what an owner that does not pop leaves for the next one, in plain
// fields. One that pops has its own, elsewhere: pushers write this cache line all
// the time.
type Note struct {
	Count uint64 // of whatever the owners count
	Skip  int    // how many to skip until something is due
}

// TryOwn takes the role if the ring is idle and open. One attempt: a lost race
// means that the ring is not idle any more.
func (r *Ring[T]) TryOwn() bool {
	t := r.tail.Load()
	return t&flags == 0 && r.tail.CompareAndSwap(t, t|owned)
}

// Owned reports whether somebody has the role.
func (r *Ring[T]) Owned() bool { return r.tail.Load()&owned != 0 }

// Alone reports whether there is nothing for the owner to do: nothing was pushed that
// it has not popped, and the ring is open. Only the owner may call it.
func (r *Ring[T]) Alone() bool { return r.tail.Load() == r.head.Load()|owned }

// PushOwned is TryPush of *v for a ring whose consumer is its owner: if the ring
// was idle it answers Owner, and the caller has the role and one value to handle.
func (r *Ring[T]) PushOwned(v *T) Status { return r.push(v, owned) }

// PushBatchOwned is PushBatch for a ring whose consumer is its owner. Owner
// comes before Full and OK: compare the length.
func (r *Ring[T]) PushBatchOwned(vs []T) (int, Status) { return r.pushBatch(vs, owned) }

// Release gives the role up. OK: the caller has it no more. Busy: something was
// pushed that the owner has not popped; it still has the role. Closed: the ring
// is closed and drained, nobody will push any more, and the role stays with the
// caller for good. Only the owner may call it.
func (r *Ring[T]) Release() Status {
	t := r.tail.Load()
	for {
		if t&^flags != r.head.Load() {
			return Busy
		}
		if t&closed != 0 {
			return Closed
		}
		if r.tail.CompareAndSwap(t, t&^owned) {
			return OK
		}
		t = r.tail.Load()
	}
}

// Close refuses all further pushes and TryOwns, once and for all. On a ring that
// was idle it answers Owner: the caller has the role. On an owned one OK, and
// the owner will see it in Release; on a closed one Closed.
func (r *Ring[T]) Close() Status {
	for {
		t := r.tail.Load()
		if t&closed != 0 {
			return Closed
		}
		if r.tail.CompareAndSwap(t, t|closed|owned) {
			if t&owned == 0 {
				return Owner
			}
			return OK
		}
	}
}
