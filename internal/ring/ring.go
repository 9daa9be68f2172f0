// Package ring is the bounded lock-free ring under the queues and the server:
// many producers, many consumers, strict answers, a closed bit and a role bit.
//
// # A cell and who owns it
//
// The ring is an array of cells, used in laps. Position p is cell p mod
// capacity; positions count in steps of 4, because the two low bits of the
// tail word are flags. The sequence word of a cell says who may touch its value:
//
//		         TryPush: CAS tail p -> p+step          seq = p+1
//		 seq = p ───────────────────────────▶ producer ───────────▶ published
//		 (free)                               owns val              (seq = p+1)
//		    ▲                                                           │
//		    │  seq = p + capacity                  CAS head p -> p+step │
//		    └───────────────────────── consumer ◀──────────────────────┘
//		                               owns val, clears it
//
//	  - tail (producers CAS it) claims position p for one producer. Its partner is
//	    the same CAS of the other producers.
//	  - seq = p+1 (producer's Store) hands the value over. Its partner is the
//	    consumer's Load of seq.
//	  - head (consumers CAS it) claims position p for one consumer.
//	  - seq = p+capacity (consumer's Store) hands the empty cell to the producer
//	    of the next lap. Its partner is that producer's Load of seq.
//
// Positions wrap around with uint64; they are compared for equality and by
// their difference only.
//
// # Strict answers
//
// The textbook ring (Vyukov, "Bounded MPMC queue",
// https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue)
// says full or empty when the cell at hand is not ready, although another
// goroutine may merely be in the middle of its turn. Here:
//
//   - Full needs tail - head == capacity. TryPush reads tail = p, then head = h
//     with p - h == capacity. The tail never leads by more than the capacity and
//     neither word goes back, so at the moment head was read tail was still p:
//     the ring was full then.
//   - Empty needs tail == head. TryPop reads head = h, then tail == h. The head
//     never passes the tail, so at the moment tail was read head was still h: the
//     ring was empty then.
//   - Otherwise somebody is between claiming a cell and handing it over. TryPush
//     waits that out and TryPop answers Busy; neither guesses.
//
// What is not promised: progress when a goroutine is preempted between its
// claim and its hand-over. The others then wait for that one cell (they yield
// meanwhile). "Lock-free" is meant with this exception.
//
// # Closing
//
// Closed is a bit of the tail word. A push claims its position with a CAS of
// the whole word, so it either came before Close, and will be popped, or
// fails. There is no moment at which a push can look at a flag and then go on
// to lose its value.
//
// # The role
//
// Owned is the other bit: somebody has the role of the ring's only consumer.
// Not owned means empty. See role.go.
package ring

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/pad"
)

// Status is the outcome of an operation.
type Status uint8

const (
	OK     Status = iota
	Owner         // OK, and the caller now has the role
	Full          // no room; the value was not queued
	Empty         // nothing there, and not closed
	Busy          // somebody has claimed the next cell and not handed it over yet
	Closed        // to a push: refused; to a pop: nothing there and nothing will come
)

const (
	owned  = 1
	closed = 2
	flags  = owned | closed
	step   = 4
)

// The capacity of a ring that was asked for 0 cells, and the largest one.
const (
	DefaultCapacity = 1024
	MaxCapacity     = 1 << 30
)

type cell[T any] struct {
	seq atomic.Uint64
	val T
}

// Ring is the ring. Use New.
type Ring[T any] struct {
	_    pad.Line
	tail atomic.Uint64 // position | closed | owned; written by producers and by the role's owner

	// Note is for the role's owner alone. It stands beside the tail because
	// taking the role has brought that cache line here; any other line that
	// owners write would be one more to move when the role changes cores.
	Note Note

	_     pad.Line
	head  atomic.Uint64 // position; written by consumers
	_     pad.Line
	mask  uint64
	lap   uint64 // capacity in steps
	cells []cell[T]
	_     pad.Line
}

// Capacity returns the capacity of a ring that was asked for n cells: the next
// power of two, at least 2, since with one cell "published" and "free in the
// next lap" would be the same sequence number but for a flag.
// It is an error if so many cells of type T are more than can be addressed.
func Capacity[T any](n int) (int, error) {
	switch {
	case n < 0:
		return 0, fmt.Errorf("%d is negative", n)
	case n > MaxCapacity:
		return 0, fmt.Errorf("%d is above %d", n, MaxCapacity)
	case n == 0:
		return DefaultCapacity, nil
	}
	c := 2
	for c < n {
		c <<= 1
	}
	// The runtime's own limit is 2^47 bytes, or what 32 bits can count.
	const limit = min(math.MaxInt, 1<<47)
	if size := uint64(unsafe.Sizeof(cell[T]{})); uint64(c) > limit/size {
		return 0, fmt.Errorf("%d is too many: each takes %d bytes", n, size)
	}
	return c, nil
}

// New returns an empty, open ring nobody owns. The capacity is a power of two
// between 2 and MaxCapacity. start is the first position: 0, but in tests.
func New[T any](capacity int, start uint64) *Ring[T] {
	r := &Ring[T]{
		mask:  uint64(capacity - 1),
		lap:   uint64(capacity) * step,
		cells: make([]cell[T], capacity),
	}
	start *= step
	r.tail.Store(start)
	r.head.Store(start)
	for i := range r.cells {
		p := start + uint64(i)*step
		r.cell(p).seq.Store(p)
	}
	return r
}

func (r *Ring[T]) cell(p uint64) *cell[T] { return &r.cells[(p/step)&r.mask] }

// TryPush queues v: OK, Full or Closed. It waits out a consumer that is in the
// middle of freeing the cell.
func (r *Ring[T]) TryPush(v T) Status { return r.push(&v, 0) }

// PushFrom is TryPush of *v.
func (r *Ring[T]) PushFrom(v *T) Status { return r.push(v, 0) }

// push copies *v; the values of a server's ring are as large as a cache line,
// and each copy on the way counts.
func (r *Ring[T]) push(v *T, role uint64) Status {
	for i := 0; ; i++ {
		t := r.tail.Load()
		if t&closed != 0 {
			return Closed
		}
		p := t &^ flags
		c := r.cell(p)
		if c.seq.Load() == p {
			if !r.tail.CompareAndSwap(t, (t+step)|role) {
				i = 0 // somebody else's claim went through: the ring makes progress
				continue
			}
			c.val = *v
			c.seq.Store(p + 1)
			if role != 0 && t&owned == 0 {
				return Owner
			}
			return OK
		}
		if p-r.head.Load() == r.lap {
			return Full
		}
		// The tail is stale, or the consumer of the lap before is between its
		// claim and its hand-over. Both end with a step of another goroutine.
		atomic.Relax(i)
	}
}

// PushBatch queues as long a prefix of vs as there is room for, claimed with one
// compare-and-swap so that it stays in one piece. It returns the length, and
// why it is not longer: OK (it is all of vs), Full or Closed.
func (r *Ring[T]) PushBatch(vs []T) (int, Status) { return r.pushBatch(vs, 0) }

func (r *Ring[T]) pushBatch(vs []T, role uint64) (int, Status) {
	if len(vs) == 0 {
		return 0, OK
	}
	var t, p, n uint64
	for {
		t = r.tail.Load()
		if t&closed != 0 {
			return 0, Closed
		}
		p = t &^ flags
		used := p - r.head.Load()
		if used == r.lap {
			return 0, Full
		}
		if used > r.lap {
			continue // the tail was stale: consumers have passed it since
		}
		// Cells before head+lap have been claimed by consumers in the lap
		// before, so each is free or about to be.
		n = min(uint64(len(vs)), (r.lap-used)/step)
		if r.tail.CompareAndSwap(t, (t+n*step)|role) {
			break
		}
	}
	for i := uint64(0); i < n; i++ {
		q := p + i*step
		c := r.cell(q)
		for k := 0; c.seq.Load() != q; k++ {
			atomic.Relax(k)
		}
		c.val = vs[i]
		c.seq.Store(q + 1)
	}
	switch {
	case role != 0 && t&owned == 0:
		return int(n), Owner
	case n < uint64(len(vs)):
		return int(n), Full
	}
	return int(n), OK
}

// TryPop takes the oldest value: OK, Empty, Busy, or Closed once the ring is
// closed and drained. The cell keeps nothing of the value.
func (r *Ring[T]) TryPop() (v T, s Status) {
	s = r.PopInto(&v)
	return v, s
}

// PopInto is TryPop that writes the value to *v, and only if it has one.
func (r *Ring[T]) PopInto(v *T) Status {
	for {
		h := r.head.Load()
		c := r.cell(h)
		if c.seq.Load() == h+1 {
			if r.head.CompareAndSwap(h, h+step) {
				r.take(c, h, v)
				return OK
			}
			continue
		}
		if s, sure := r.nothing(h); sure {
			return s
		}
	}
}

// PopFull is TryPop for a producer that found the ring full and wants room: it
// takes the oldest value only while the ring is full, and reports whether it did.
// It leaves a closed ring to its consumers.
//
// Full at the moment of the compare-and-swap: then the head was h, and the tail,
// which had been seen at h+lap, can neither go back nor lead by more. An owned
// ring stays owned, so that "not owned means empty" holds.
func (r *Ring[T]) PopFull() (v T, ok bool) {
	t := r.tail.Load()
	h := r.head.Load()
	if t&closed != 0 || t&^flags-h != r.lap {
		return v, false
	}
	c := r.cell(h)
	if c.seq.Load() != h+1 || !r.head.CompareAndSwap(h, h+step) {
		return v, false
	}
	r.take(c, h, &v)
	return v, true
}

// PopBatch takes up to len(dst) values that are there, oldest first, claimed
// with one compare-and-swap. The status is that of TryPop.
func (r *Ring[T]) PopBatch(dst []T) (int, Status) {
	for {
		h := r.head.Load()
		n := 0
		for n < len(dst) {
			p := h + uint64(n)*step
			if r.cell(p).seq.Load() != p+1 {
				break
			}
			n++
		}
		if n > 0 {
			if !r.head.CompareAndSwap(h, h+uint64(n)*step) {
				continue
			}
			for i := range dst[:n] {
				p := h + uint64(i)*step
				r.take(r.cell(p), p, &dst[i])
			}
			return n, OK
		}
		if len(dst) == 0 {
			return 0, OK
		}
		if s, sure := r.nothing(h); sure {
			return 0, s
		}
	}
}

// nothing says why a consumer that read head = h found the cell there not
// published: Empty, Closed or Busy. If it is not sure, the head has moved on.
func (r *Ring[T]) nothing(h uint64) (s Status, sure bool) {
	t := r.tail.Load()
	if t&^flags == h {
		if t&closed != 0 {
			return Closed, true
		}
		return Empty, true
	}
	return Busy, r.head.Load() == h
}

// take moves the value out of a cell that the caller has claimed at position p
// and hands the cell to the next lap.
func (r *Ring[T]) take(c *cell[T], p uint64, v *T) {
	*v = c.val
	var zero T
	c.val = zero // nothing popped is kept alive
	c.seq.Store(p + r.lap)
}

// HasRoom reports whether a push now would not answer Full.
func (r *Ring[T]) HasRoom() bool {
	t := r.tail.Load()
	return t&closed != 0 || t&^flags-r.head.Load() != r.lap
}

// HasItems reports whether a pop now would not answer Empty.
func (r *Ring[T]) HasItems() bool {
	h := r.head.Load()
	t := r.tail.Load()
	return t&closed != 0 || t&^flags != h
}

// Cap returns the capacity.
func (r *Ring[T]) Cap() int { return len(r.cells) }

// Progress returns how many values were popped so far, modulo 2^62, how many are
// queued (claimed cells included, never more than the capacity), and whether
// the ring is closed. At rest they are exact.
func (r *Ring[T]) Progress() (popped uint64, queued int, isClosed bool) {
	for {
		h := r.head.Load()
		t := r.tail.Load()
		// A pair that is further apart than the capacity never stood at one
		// moment: the head has moved on since it was read.
		if n := t&^flags - h; n <= r.lap {
			return h / step, int(n / step), t&closed != 0
		}
	}
}

// Popped returns how many values were popped so far, modulo 2^62.
func (r *Ring[T]) Popped() uint64 { return r.head.Load() / step }

// Len returns the number of values queued, claimed cells included.
func (r *Ring[T]) Len() int {
	_, n, _ := r.Progress()
	return n
}
