//go:build !modelcheck

package ring

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Two deeds at the same moment. Whichever comes first, their answers must fit
// together: at most one of the two has the role, and whenever there is something
// to see to, somebody has it.
func TestRoleRaces(t *testing.T) {
	type answers [2]Status
	for _, tt := range []struct {
		name  string
		owned bool // at first, by the first of the two
		deeds [2]string
		may   []answers
	}{
		{"two pushes", false, [2]string{"push", "push"}, []answers{{Owner, OK}, {OK, Owner}}},
		{"a push and a batch", false, [2]string{"push", "push 3"}, []answers{{Owner, OK}, {OK, Owner}}},
		{"a caller and a push", false, [2]string{"own", "push"}, []answers{{Owner, OK}, {Busy, Owner}}},
		{"two callers", false, [2]string{"own", "own"}, []answers{{Owner, Busy}, {Busy, Owner}}},
		{"a close and a push", false, [2]string{"close", "push"}, []answers{{Owner, Closed}, {OK, Owner}}},
		{"a close and a caller", false, [2]string{"close", "own"}, []answers{{Owner, Busy}, {OK, Owner}}},
		{"two closes", false, [2]string{"close", "close"}, []answers{{Owner, Closed}, {Closed, Owner}}},
		{"a release and a push", true, [2]string{"release", "push"}, []answers{{OK, Owner}, {Busy, OK}}},
		{"a release and a batch", true, [2]string{"release", "push 3"}, []answers{{OK, Owner}, {Busy, OK}}},
		{"a release and a caller", true, [2]string{"release", "own"}, []answers{{OK, Owner}, {OK, Busy}}},
		{"a release and a close", true, [2]string{"release", "close"}, []answers{{OK, Owner}, {Closed, OK}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[answers]int{}
			for round := 0; round < count(10_000); round++ {
				r := New[int](4, 0)
				if tt.owned {
					require.True(t, r.TryOwn())
				}
				var got answers
				testx.AtOnce(t,
					func() { got[0] = deed{do: tt.deeds[0]}.perform(r) },
					func() { got[1] = deed{do: tt.deeds[1]}.perform(r) })
				seen[got]++
			}
			for got := range seen {
				require.Contains(t, tt.may, got, "all answers: %v", seen)
			}
		})
	}
}

// Callers take the role, or queue and leave the work to its owner. Whoever has
// it writes plain variables: nobody may overlap, each sees what the one before
// wrote (the race detector looks on), and nothing is left behind.
func TestRoleStress(t *testing.T) {
	rounds := count(150_000)
	for _, capacity := range []int{2, 8, 1024} {
		r := New[int](capacity, 1<<62-100)
		const callers = 4
		handled, last := 0, [callers]int{}
		handle := func(v int) {
			handled++
			who, seq := v%callers, v/callers
			if seq <= last[who] {
				t.Errorf("%d of caller %d came after %d", seq, who, last[who])
			}
			last[who] = seq
		}
		serve := func() { // with the role
			for {
				v, s := r.TryPop()
				if s == OK {
					handle(v)
				} else if s == Busy {
					runtime.Gosched()
				} else if s := r.Release(); s == OK || s == Closed {
					return
				}
			}
		}
		testx.AtOnce(t, testx.Times(callers, func(who int) {
			for seq := 1; seq <= rounds; seq++ {
				v := seq*callers + who
				if seq%3 != 0 && r.TryOwn() {
					handle(v)
					serve()
					continue
				}
				for {
					var s Status
					if seq%2 == 0 {
						_, s = r.PushBatchOwned([]int{v})
					} else {
						s = r.PushOwned(&v)
					}
					if s == Owner {
						serve()
					}
					if s != Full {
						break
					}
					runtime.Gosched()
				}
			}
		})...)
		require.Equal(t, Owner, r.Close(), "somebody left and kept the role")
		require.Equal(t, callers*rounds, handled)
		require.Zero(t, r.Len())
	}
}

// Close finds an owner, or becomes it: someone sees to what was accepted.
func TestCloseFindsAnOwner(t *testing.T) {
	for round := 0; round < 2000; round++ {
		r := New[int](2, 0)
		var accepted, handled int
		serve := func() {
			for {
				switch _, s := r.TryPop(); s {
				case OK:
					handled++
				case Busy:
					runtime.Gosched()
				default:
					if s := r.Release(); s == OK || s == Closed {
						return
					}
				}
			}
		}
		testx.AtOnce(t,
			func() {
				switch r.PushOwned(ptr(1)) {
				case Owner:
					accepted++
					serve()
				case OK:
					assert.Fail(t, "there is no owner but the pusher")
				}
			},
			func() {
				if r.Close() == Owner {
					serve()
				}
			})
		require.Equal(t, accepted, handled)
		require.True(t, r.Owned())
	}
}
