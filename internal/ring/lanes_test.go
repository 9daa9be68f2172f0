//go:build !modelcheck

package ring

import (
	"math"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func mustPush(t *testing.T, l *Lanes[int], lane, v int, want Status) {
	t.Helper()
	require.Equal(t, want, l.Push(lane, &v))
}

// The states of the role, at positions that wrap around too.
func TestLanesRole(t *testing.T) {
	for _, start := range []uint64{0, 1<<62 - 2, math.MaxUint64} {
		l := NewLanes[int](3, 2, start)
		require.Equal(t, 2, l.Cap())
		require.False(t, l.Owned())
		require.True(t, l.TryOwn())
		require.False(t, l.TryOwn())
		require.True(t, l.Alone())
		mustPush(t, l, 2, 1, OK)
		require.False(t, l.Alone())
		require.Equal(t, Busy, l.Release())
		var v int
		lane, ok := l.PopInto(&v)
		require.True(t, ok)
		require.Equal(t, 2, lane)
		require.Equal(t, 1, v)
		_, ok = l.PopInto(&v)
		require.False(t, ok)
		require.True(t, l.Alone())
		require.Equal(t, OK, l.Release())
		require.False(t, l.Owned())

		mustPush(t, l, 1, 2, Owner)
		mustPush(t, l, 1, 3, OK)
		require.False(t, l.HasRoom(1))
		require.True(t, l.HasRoom(0))
		mustPush(t, l, 1, 4, Full)
		mustPush(t, l, 0, 5, OK)
		popped, queued, isClosed := l.Progress(1)
		require.EqualValues(t, start%(1<<62), popped)
		require.Equal(t, 2, queued)
		require.False(t, isClosed)
		require.Equal(t, OK, l.Close())
		require.Equal(t, Closed, l.Close())
		require.False(t, l.Alone())
		mustPush(t, l, 2, 6, Closed)
		n, s := l.PushBatch(2, []int{7})
		require.Zero(t, n)
		require.Equal(t, Closed, s)
		var got []int
		for range 3 {
			require.Equal(t, Busy, l.Release())
			_, ok := l.PopInto(&v)
			require.True(t, ok)
			got = append(got, v)
		}
		require.Equal(t, []int{5, 2, 3}, got)
		require.Equal(t, Closed, l.Release())
		require.False(t, l.TryOwn())

		l = NewLanes[int](2, 2, start)
		require.Equal(t, Owner, l.Close(), "it was idle")
		require.Equal(t, Closed, l.Release())
	}
}

func TestLanesBatch(t *testing.T) {
	l := NewLanes[int](2, 4, 0)
	n, s := l.PushBatch(1, nil)
	require.Zero(t, n)
	require.Equal(t, OK, s)
	require.False(t, l.Owned(), "nothing was pushed")
	n, s = l.PushBatch(1, []int{1, 2, 3})
	require.Equal(t, 3, n)
	require.Equal(t, Owner, s)
	n, s = l.PushBatch(1, []int{4, 5})
	require.Equal(t, 1, n)
	require.Equal(t, Full, s)
	n, s = l.PushBatch(1, []int{6})
	require.Zero(t, n)
	require.Equal(t, Full, s)
	n, s = l.PushBatch(0, []int{7})
	require.Equal(t, 1, n)
	require.Equal(t, OK, s)
	var got []int
	for v := 0; ; {
		if _, ok := l.PopInto(&v); !ok {
			break
		}
		got = append(got, v)
	}
	require.Equal(t, []int{7, 1, 2, 3, 4}, got)
	require.Equal(t, OK, l.Release())
}

// The most urgent lane comes first, and after Guard messages one from below,
// each lane in its turn.
func TestLanesGuard(t *testing.T) {
	l := NewLanes[int](4, 1024, 0)
	l.TryOwn()
	for i := range 1000 {
		mustPush(t, l, 0, 0, OK)
		if i < 10 {
			mustPush(t, l, 1, 1, OK)
			mustPush(t, l, 3, 3, OK)
		}
	}
	var got, want []int
	for range 4 {
		want = append(want, make([]int, Guard)...)
		if len(want)/(Guard+1)%2 == 0 {
			want = append(want, 3)
		} else {
			want = append(want, 1)
		}
	}
	for range want {
		var v int
		lane, ok := l.PopInto(&v)
		require.True(t, ok)
		require.Equal(t, lane, v)
		got = append(got, v)
	}
	require.Equal(t, want, got)
}

// However busy the lanes are, each that waits is served within the bound that
// Guard promises.
func TestLanesStarvation(t *testing.T) {
	for _, n := range []int{2, 3, 8} {
		l := NewLanes[int](n, 2, 0)
		l.TryOwn()
		since := make([]int, n)
		counts := make([]int, n)
		for range 10_000 {
			for i := range n {
				v := i
				for l.Push(i, &v) == OK { // all are full all the time
				}
			}
			var v int
			lane, ok := l.PopInto(&v)
			require.True(t, ok)
			counts[lane]++
			for i := range since {
				if since[i]++; i == lane {
					since[i] = 0
				}
				require.LessOrEqual(t, since[i], (Guard+1)*max(n-1, 1))
			}
		}
		require.Greater(t, counts[0], 10_000*Guard/(Guard+1)-1, "it is the first's turn nearly always")
	}
}

// Pushers on all lanes, singly and in batches, callers that take the role, and a
// close at some moment: each message that was accepted is handled once, in the
// order of its sender and lane, never two at a time.
func TestLanesStress(t *testing.T) {
	for round := range count(300) {
		const lanes, senders, each = 3, 4, 200
		l := NewLanes[int](lanes, 2<<(round%4), uint64(round)<<60)
		wake := park.NewToken()
		var accepted atomic.Int64
		handled := 0               // not synchronised: the role is
		last := [senders * 3]int{} // by sender and lane
		handle := func(v int) {
			handled++
			who, i := v%len(last), v/len(last)
			if i <= last[who] {
				t.Errorf("%d came after %d", i, last[who])
			}
			last[who] = i
		}
		serve := func() {
			for {
				wake.Take()
				for {
					var v int
					if _, ok := l.PopInto(&v); ok {
						handle(v)
						continue
					}
					switch l.Release() {
					case OK:
					case Closed:
						return
					default:
						runtime.Gosched()
						continue
					}
					break
				}
			}
		}
		fs := []func(){serve, func() {
			for range round * 3 {
				runtime.Gosched()
			}
			if l.Close() == Owner {
				wake.Give()
			}
		}}
		for p := range senders {
			fs = append(fs, func() {
				for i := 1; i <= each; {
					lane := i % lanes
					who := p*lanes + lane
					switch {
					case i%5 == 0 && l.TryOwn():
						accepted.Add(1)
						handle(i*len(last) + who)
						i++
						if l.Release() != OK {
							wake.Give()
						}
						continue
					case i%7 == 0:
						n, s := l.PushBatch(lane, []int{i*len(last) + who, (i+1)*len(last) + who})
						accepted.Add(int64(n))
						i += n
						if s == Owner {
							wake.Give()
						} else if s == Closed {
							return
						}
						if n == 0 {
							runtime.Gosched()
						}
						continue
					}
					v := i*len(last) + who
					switch l.Push(lane, &v) {
					case Owner:
						wake.Give()
					case Closed:
						return
					case Full:
						runtime.Gosched()
						continue
					}
					accepted.Add(1)
					i++
				}
			})
		}
		testx.AtOnce(t, fs...)
		require.EqualValues(t, accepted.Load(), handled)
	}
}
