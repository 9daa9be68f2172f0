//go:build !modelcheck

package ring

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deed is one operation of the role and the answer it must get.
type deed struct {
	do   string
	want Status
}

func (d deed) perform(r *Ring[int]) (s Status) {
	switch d.do {
	case "own":
		if r.TryOwn() {
			return Owner
		}
		return Busy
	case "push":
		return r.PushOwned(ptr(1))
	case "push 3":
		_, s = r.PushBatchOwned([]int{1, 2, 3})
		return s
	case "pop":
		_, s = r.TryPop()
		return s
	case "release":
		return r.Release()
	case "close":
		return r.Close()
	}
	panic(d.do)
}

func TestRole(t *testing.T) {
	for _, tt := range []struct {
		name  string
		deeds []deed
		owned bool
	}{
		{"taken and given up", []deed{{"own", Owner}, {"release", OK}, {"own", Owner}, {"release", OK}}, false},
		{"taken once", []deed{{"own", Owner}, {"own", Busy}, {"push", OK}, {"own", Busy}}, true},
		{"the push that finds it idle", []deed{{"push", Owner}, {"push", OK}, {"own", Busy}}, true},
		{"the batch that finds it idle", []deed{{"push 3", Owner}, {"push", OK}, {"push", Full}}, true},
		{"a batch behind others", []deed{{"push", Owner}, {"push 3", OK}, {"push 3", Full}}, true},
		{"a batch of which a prefix fits", []deed{{"own", Owner}, {"push 3", OK}, {"push 3", Full}}, true},
		{"kept while something is there", []deed{{"push", Owner}, {"release", Busy}, {"pop", OK}, {"release", OK}}, false},
		{"a push since it was empty", []deed{{"own", Owner}, {"pop", Empty}, {"push", OK}, {"release", Busy}, {"pop", OK}, {"release", OK}}, false},
		{"the next push after a release", []deed{{"push", Owner}, {"pop", OK}, {"release", OK}, {"push", Owner}}, true},
		{"closed while idle", []deed{{"close", Owner}, {"own", Busy}, {"push", Closed}, {"push 3", Closed}, {"pop", Closed}, {"release", Closed}}, true},
		{"closed while owned", []deed{{"own", Owner}, {"close", OK}, {"close", Closed}, {"push", Closed}, {"release", Closed}, {"release", Closed}}, true},
		{"closed with something there", []deed{{"push", Owner}, {"close", OK}, {"release", Busy}, {"pop", OK}, {"release", Closed}, {"pop", Closed}}, true},
		{"closed after a release", []deed{{"own", Owner}, {"release", OK}, {"close", Owner}, {"close", Closed}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, start := range starts {
				r := New[int](4, start)
				require.False(t, r.Owned())
				for i, d := range tt.deeds {
					require.Equal(t, d.want, d.perform(r), "%d: %s", i, d.do)
					_, queued, isClosed := r.Progress()
					require.Equal(t, r.Owned() && queued == 0 && !isClosed, r.Alone(), "%d: %s", i, d.do)
				}
				require.Equal(t, tt.owned, r.Owned())
			}
		})
	}
}

// An owner answers Owner though only a prefix fitted; the length says so.
func TestOwnerOfAPrefix(t *testing.T) {
	r := New[int](2, 0)
	n, s := r.PushBatchOwned([]int{1, 2, 3})
	assert.Equal(t, 2, n)
	assert.Equal(t, Owner, s)
}

// A push without the role leaves it alone, in both states.
func TestPushWithoutRole(t *testing.T) {
	r := New[int](2, 0)
	require.Equal(t, OK, r.TryPush(1))
	require.False(t, r.Owned())
	_, _ = r.TryPop()
	require.True(t, r.TryOwn())
	n, s := r.PushBatch([]int{1})
	require.Equal(t, 1, n)
	require.Equal(t, OK, s)
	require.True(t, r.Owned())
}

// A claimed cell keeps the role with its owner, published or not.
func TestReleaseWithAClaim(t *testing.T) {
	r := New[int](2, 1<<62-1)
	require.True(t, r.TryOwn())
	p := r.tail.Add(step) - step
	require.Equal(t, Busy, r.Release())
	r.cell(p &^ flags).seq.Store(p&^flags + 1)
	require.Equal(t, Busy, r.Release())
	_, s := r.TryPop()
	require.Equal(t, OK, s)
	require.Equal(t, OK, r.Release())
}

func ptr(v int) *int { return &v }
