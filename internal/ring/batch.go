package ring

import "github.com/sparkpipe/sparkpipe/internal/atomic"

// Several values with one claim. The proof is that of the package, for each cell: it is
// handed over by itself, before the claim as after it.

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
