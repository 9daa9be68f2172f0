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
		n = DefaultCapacity
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
