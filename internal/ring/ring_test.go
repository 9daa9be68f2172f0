//go:build !modelcheck

package ring

import (
	"fmt"
	"math"
	"math/rand"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Values are taken for room only while the ring is full and open.
func TestPopFull(t *testing.T) {
	for _, start := range []uint64{0, 1<<62 - 3} {
		r := New[int](4, start)
		for i := 1; i <= 4; i++ {
			_, ok := r.PopFull()
			require.False(t, ok, "with %d of 4", i-1)
			require.Equal(t, OK, r.TryPush(i))
		}
		for i := 1; i <= 9; i++ {
			v, ok := r.PopFull()
			require.True(t, ok)
			require.Equal(t, i, v)
			_, ok = r.PopFull()
			require.False(t, ok)
			require.Equal(t, OK, r.TryPush(i+4))
		}
		r.Close()
		_, ok := r.PopFull()
		require.False(t, ok, "what a closed ring has is its consumers'")
		require.Equal(t, 4, r.Len())
	}
}

func TestCapacity(t *testing.T) {
	for _, tt := range []struct {
		n, want int
		err     string
	}{
		{n: 0, want: DefaultCapacity},
		{n: 1, want: 2},
		{n: 2, want: 2},
		{n: 3, want: 4},
		{n: 4, want: 4},
		{n: 5, want: 8},
		{n: 1000, want: 1024},
		{n: 1024, want: 1024},
		{n: 1025, want: 2048},
		{n: 1<<26 - 1, want: 1 << 26},
		{n: 1 << 26, want: 1 << 26},
		{n: MaxCapacity + 1, err: "1073741825 is above 1073741824"},
		{n: -1, err: "-1 is negative"},
	} {
		t.Run(fmt.Sprint(tt.n), func(t *testing.T) {
			got, err := Capacity[struct{}](tt.n)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// More cells than can be addressed are an error and not a panic, on 32 bits as on
// 64.
func TestCapacityOfLargeCells(t *testing.T) {
	_, err := Capacity[[1 << 20]byte](MaxCapacity)
	assert.ErrorContains(t, err, "1073741824 is too many: each takes 10485") // and the sequence word
	_, err = Capacity[[1 << 20]byte](1000)
	assert.NoError(t, err)

	n, err := Capacity[struct{}](MaxCapacity - 1)
	if strconv.IntSize == 32 {
		assert.EqualError(t, err, "1073741823 is too many: each takes 16 bytes")
	} else {
		assert.NoError(t, err)
		assert.Equal(t, MaxCapacity, n)
	}
}

// each runs f for small rings at every edge.
func each(t *testing.T, f func(t *testing.T, capacity int, start uint64)) {
	for _, capacity := range []int{2, 4, 8} {
		for _, start := range starts {
			t.Run(fmt.Sprintf("cap=%d/start=%#x", capacity, start), func(t *testing.T) { f(t, capacity, start) })
		}
	}
}

// 0 stands for a number, which is held to the same limit.
func TestCapacityZeroOfLargeCells(t *testing.T) {
	type huge [math.MaxInt32 / 64]byte
	_, err := Capacity[[64]huge](DefaultCapacity)
	want := err != nil // on 32 bits
	_, err = Capacity[[64]huge](0)
	require.Equal(t, want, err != nil)
}

func TestFillAndDrain(t *testing.T) {
	each(t, func(t *testing.T, capacity int, start uint64) {
		r := New[int](capacity, start)
		require.Equal(t, capacity, r.Cap())
		next, want := 0, 0
		for lap := 0; lap < 4; lap++ {
			_, s := r.TryPop()
			require.Equal(t, Empty, s)
			require.False(t, r.HasItems())
			for i := 0; i < capacity; i++ {
				require.True(t, r.HasRoom())
				require.Equal(t, i, r.Len())
				require.Equal(t, OK, r.TryPush(next))
				next++
			}
			require.Equal(t, Full, r.TryPush(-1))
			require.False(t, r.HasRoom())
			for i := capacity; i > 0; i-- {
				require.True(t, r.HasItems())
				require.Equal(t, i, r.Len())
				v, s := r.TryPop()
				require.Equal(t, OK, s)
				require.Equal(t, want, v)
				want++
			}
			popped, queued, isClosed := r.Progress()
			require.Equal(t, uint64(want), (popped-start)%(1<<62))
			require.Zero(t, queued)
			require.False(t, isClosed)
		}
	})
}

func TestBatches(t *testing.T) {
	type move struct {
		push   int // that many values; 0: pop instead
		pop    int // at most that many
		want   int
		status Status
	}
	for _, tt := range []struct {
		name  string
		moves []move
	}{
		{"all of it", []move{{push: 3, want: 3}, {pop: 3, want: 3}}},
		{"exactly full and exactly empty", []move{{push: 4, want: 4}, {pop: 4, want: 4}}},
		{"a prefix fits", []move{{push: 6, want: 4, status: Full}, {pop: 8, want: 4}}},
		{"a prefix fits beside what is there", []move{{push: 3, want: 3}, {push: 2, want: 1, status: Full}, {pop: 8, want: 4}}},
		{"nothing fits", []move{{push: 4, want: 4}, {push: 1, status: Full}, {push: 9, status: Full}, {pop: 4, want: 4}}},
		{"nothing there", []move{{pop: 4, status: Empty}, {push: 1, want: 1}, {pop: 1, want: 1}, {pop: 1, status: Empty}}},
		{"across the edge of the array", []move{{push: 3, want: 3}, {pop: 2, want: 2}, {push: 3, want: 3}, {pop: 4, want: 4}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, start := range starts {
				r := New[int](4, start)
				next, popped := 0, 0
				for i, m := range tt.moves {
					var n int
					var s Status
					if m.push > 0 {
						vs := make([]int, m.push)
						for k := range vs {
							vs[k] = next + k
						}
						n, s = r.PushBatch(vs)
						next += n
					} else {
						dst := make([]int, m.pop)
						n, s = r.PopBatch(dst)
						for _, v := range dst[:n] {
							require.Equal(t, popped, v)
							popped++
						}
						require.Equal(t, make([]int, m.pop-n), dst[n:], "the rest of dst is left alone")
					}
					require.Equal(t, m.want, n, "move %d", i)
					require.Equal(t, m.status, s, "move %d", i)
				}
			}
		})
	}
}

// PopInto writes only what it pops: the caller's variable may hold something.
func TestPopInto(t *testing.T) {
	r := New[int](2, 0)
	v := 7
	assert.Equal(t, Empty, r.PopInto(&v))
	p := r.tail.Add(step) - step
	assert.Equal(t, Busy, r.PopInto(&v))
	assert.Equal(t, 7, v)
	r.cell(p).val = 8
	r.cell(p).seq.Store(p + 1)
	assert.Equal(t, OK, r.PopInto(&v))
	assert.Equal(t, 8, v)
	r.Close()
	assert.Equal(t, Closed, r.PopInto(&v))
	assert.Equal(t, 8, v)
}

func TestEmptyBatches(t *testing.T) {
	r := New[int](2, 0)
	for _, fill := range []int{0, 2} {
		_, _ = r.PushBatch(make([]int, fill))
		n, s := r.PushBatch(nil)
		assert.Zero(t, n)
		assert.Equal(t, OK, s)
		n, s = r.PopBatch(nil)
		assert.Zero(t, n)
		assert.Equal(t, OK, s)
		assert.Equal(t, fill, r.Len())
	}
}

// A ring must behave as a slice does, whatever is asked of it.
func TestAgainstSlice(t *testing.T) {
	each(t, func(t *testing.T, capacity int, start uint64) {
		rnd := rand.New(rand.NewSource(int64(start) + int64(capacity)))
		r := New[int](capacity, start)
		var model []int
		next, popped := 0, 0
		status := func(ok bool, otherwise Status) Status {
			if ok {
				return OK
			}
			return otherwise
		}
		for i := 0; i < 2000; i++ {
			switch k := rnd.Intn(capacity + 2); rnd.Intn(4) {
			case 0:
				s := r.TryPush(next)
				require.Equal(t, status(len(model) < capacity, Full), s)
				if s == OK {
					model = append(model, next)
					next++
				}
			case 1:
				vs := make([]int, k)
				for j := range vs {
					vs[j] = next + j
				}
				n, s := r.PushBatch(vs)
				require.Equal(t, min(k, capacity-len(model)), n)
				require.Equal(t, status(n == k, Full), s)
				model = append(model, vs[:n]...)
				next += n
			case 2:
				v, s := r.TryPop()
				require.Equal(t, status(len(model) > 0, Empty), s)
				if s == OK {
					require.Equal(t, model[0], v)
					model = model[1:]
					popped++
				}
			case 3:
				dst := make([]int, k)
				n, s := r.PopBatch(dst)
				require.Equal(t, min(k, len(model)), n)
				require.Equal(t, status(n > 0 || k == 0, Empty), s)
				require.Equal(t, append([]int{}, model[:n]...), dst[:n])
				model = model[n:]
				popped += n
			}
			require.Equal(t, len(model), r.Len())
			require.Equal(t, len(model) < capacity, r.HasRoom())
			require.Equal(t, len(model) > 0, r.HasItems())
			p, n, _ := r.Progress()
			require.Equal(t, uint64(popped), (p-start)%(1<<62))
			require.Equal(t, len(model), n)
		}
	})
}
