//go:build !modelcheck

package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// slice is what the ring is for one goroutine: a slice with two flags.
type slice struct {
	vs            []int
	room          int
	closed, owned bool
}

// push returns how many of n values are queued, and the status.
func (m *slice) push(n int, role bool) (int, Status) {
	switch {
	case n == 0:
		return 0, OK
	case m.closed:
		return 0, Closed
	}
	k := min(n, m.room-len(m.vs))
	s := OK
	switch {
	case k == 0:
		return 0, Full
	case role && !m.owned:
		m.owned = true
		s = Owner
	case k < n:
		s = Full
	}
	return k, s
}

// pop returns how many of n values are taken, and the status.
func (m *slice) pop(n int) (int, Status) {
	switch {
	case n == 0 || len(m.vs) > 0:
		return min(n, len(m.vs)), OK
	case m.closed:
		return 0, Closed
	}
	return 0, Empty
}

func (m *slice) close() Status {
	owned, closed := m.owned, m.closed
	m.owned, m.closed = true, true
	switch {
	case closed:
		return Closed
	case owned:
		return OK
	}
	return Owner
}

func (m *slice) release() Status {
	switch {
	case len(m.vs) > 0:
		return Busy
	case m.closed:
		return Closed
	}
	m.owned = false
	return OK
}

// FuzzRing compares the ring with a slice: whatever one goroutine does to it, from
// whatever position. Each byte is an operation and, for a batch, its length.
func FuzzRing(f *testing.F) {
	all := make([]byte, 0, 256)
	for i := range 256 {
		all = append(all, byte(i*37))
	}
	for _, start := range append(starts, 1<<63-2, 1<<64-3) {
		f.Add([]byte{0, 0, 0, 4, 4, 4}, start, byte(0))
		f.Add([]byte{2, 9, 1, 17, 5, 33, 65}, start, byte(1))
		f.Add(all, start, byte(2))
	}
	f.Fuzz(func(t *testing.T, ops []byte, start uint64, log byte) {
		capacity := 2 << (log % 6)
		r := New[int](capacity, start)
		m := &slice{vs: []int{}, room: capacity}
		next, popped := 1, 0
		took := func(vs []int) {
			t.Helper()
			require.Equal(t, m.vs[:len(vs):len(vs)], append([]int{}, vs...))
			m.vs = append([]int{}, m.vs[len(vs):]...)
			popped += len(vs)
		}
		for i, op := range ops {
			n := int(op / 9)
			switch op % 9 {
			case 0, 1:
				role := op%9 == 1
				k, want := m.push(1, role)
				if role {
					require.Equal(t, want, r.PushOwned(&next), "operation %d", i)
				} else {
					require.Equal(t, want, r.TryPush(next), "operation %d", i)
				}
				if k == 1 {
					m.vs = append(m.vs, next)
				}
				next++
			case 2, 3:
				role := op%9 == 3
				vs := make([]int, n)
				for k := range vs {
					vs[k] = next
					next++
				}
				want, status := m.push(n, role)
				push := r.PushBatch
				if role {
					push = r.PushBatchOwned
				}
				k, s := push(vs)
				require.Equal(t, want, k, "operation %d", i)
				require.Equal(t, status, s, "operation %d", i)
				m.vs = append(m.vs, vs[:k]...)
			case 4:
				want, status := m.pop(1)
				v := -1
				require.Equal(t, status, r.PopInto(&v), "operation %d", i)
				if want == 1 {
					took([]int{v})
				} else {
					require.Equal(t, -1, v, "operation %d", i)
				}
			case 5:
				want, status := m.pop(n)
				dst := make([]int, n)
				k, s := r.PopBatch(dst)
				require.Equal(t, want, k, "operation %d", i)
				require.Equal(t, status, s, "operation %d", i)
				took(dst[:k])
				require.Equal(t, make([]int, n-k), dst[k:], "operation %d", i)
			case 6:
				want := !m.owned && !m.closed
				require.Equal(t, want, r.TryOwn(), "operation %d", i)
				m.owned = m.owned || want
			case 7:
				if m.owned { // only the owner may
					require.Equal(t, m.release(), r.Release(), "operation %d", i)
				}
			case 8:
				if n == 0 { // rarely, since little can be done afterwards
					require.Equal(t, m.close(), r.Close(), "operation %d", i)
				}
			}
			gone, queued, isClosed := r.Progress()
			require.Equal(t, (start+uint64(popped))%(1<<62), gone, "operation %d", i)
			require.Equal(t, len(m.vs), queued, "operation %d", i)
			require.Equal(t, m.closed, isClosed, "operation %d", i)
			require.Equal(t, m.owned, r.Owned(), "operation %d", i)
			require.Equal(t, len(m.vs), r.Len(), "operation %d", i)
			require.Equal(t, m.closed || len(m.vs) < capacity, r.HasRoom(), "operation %d", i)
			require.Equal(t, m.closed || len(m.vs) > 0, r.HasItems(), "operation %d", i)
		}
		// The cells hold what is queued, and nothing of what was popped.
		kept := 0
		for i := range r.cells {
			if r.cells[i].val != 0 {
				kept++
			}
		}
		require.Equal(t, len(m.vs), kept)
	})
}
