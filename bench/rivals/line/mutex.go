package line

import "sync"

// Mutex is the queue that a careful engineer writes with a lock: producers
// append to a slice of bounded length, and a consumer takes all of it at once
// by leaving its own empty slice there. So the lock is held for an append or a
// swap, and the consumer takes it once for many values.
type Mutex[T any] struct {
	mu       sync.Mutex
	items    sync.Cond // a consumer sleeps here while there is nothing
	space    sync.Cond // a producer sleeps here while the slice is full
	sleeping int       // producers that sleep and were not woken yet
	in       []T
	capacity int
	closed   bool
}

// NewMutex returns an empty queue.
func NewMutex[T any](capacity int) *Mutex[T] {
	q := &Mutex[T]{in: make([]T, 0, capacity), capacity: capacity}
	q.items.L, q.space.L = &q.mu, &q.mu
	return q
}

// Put appends v, and waits while the queue is full. It answers false if the
// queue is closed.
func (q *Mutex[T]) Put(v T) bool {
	q.mu.Lock()
	q.waitSpace()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.in = append(q.in, v)
	q.appended(1)
	return true
}

// PutAll appends vs, in as many pieces as there is room for, and answers false
// if the queue is closed.
func (q *Mutex[T]) PutAll(vs []T) bool {
	for len(vs) > 0 {
		q.mu.Lock()
		q.waitSpace()
		if q.closed {
			q.mu.Unlock()
			return false
		}
		n := min(len(vs), q.capacity-len(q.in))
		q.in = append(q.in, vs[:n]...)
		vs = vs[n:]
		q.appended(n)
	}
	return true
}

func (q *Mutex[T]) waitSpace() {
	for len(q.in) == q.capacity && !q.closed {
		q.sleeping++
		q.space.Wait()
	}
}

// appended unlocks after n values were appended, and wakes who must go on: a
// consumer if the queue was empty, for whoever comes takes everything, and the
// next sleeping producer if there is still room. Waking one that wakes the next
// keeps 64 producers from meeting at the lock.
//
// It signals under the lock. Outside it, one Signal in some ten million woke nobody
// though somebody waited, with Go 1.22 and 1.26: it returns early if as many were
// notified as have waited, which it reads one after the other, and others may wait and
// signal in between.
func (q *Mutex[T]) appended(n int) {
	if len(q.in) == n {
		q.items.Signal()
	}
	if q.sleeping > 0 && len(q.in) < q.capacity {
		q.sleeping--
		q.space.Signal()
	}
	q.mu.Unlock()
}

// Take waits for values and returns all there are. buf, which the caller does
// not need any more, becomes the queue's next slice. It returns none once the
// queue is closed and drained.
func (q *Mutex[T]) Take(buf []T) []T {
	q.mu.Lock()
	for len(q.in) == 0 && !q.closed {
		q.items.Wait()
	}
	got := q.in
	q.in = buf[:0]
	if q.sleeping > 0 {
		q.sleeping--
		q.space.Signal()
	}
	q.mu.Unlock()
	return got
}

// Close refuses further values; those that are there can be taken.
func (q *Mutex[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.sleeping = 0
	q.mu.Unlock()
	q.items.Broadcast()
	q.space.Broadcast()
}

func overMutex[T Payload](Shape) Line {
	q := NewMutex[T](Capacity)
	return Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				q.Put(Value[T](lo))
			}
		},
		Take:  func() (int, int) { return takeMutex(q) },
		Close: q.Close,
	}
}

func overMutexBatch[T Payload](Shape) Line {
	q := NewMutex[T](Capacity)
	return Line{
		Put:   func(lo, hi int) { putBatches(lo, hi, func(vs []T) { q.PutAll(vs) }) },
		Take:  func() (int, int) { return takeMutex(q) },
		Close: q.Close,
	}
}

func takeMutex[T Payload](q *Mutex[T]) (n, sum int) {
	buf := make([]T, 0, Capacity)
	for {
		buf = q.Take(buf)
		if len(buf) == 0 {
			return n, sum
		}
		n += len(buf)
		sum += total(buf)
	}
}
