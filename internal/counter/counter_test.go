package counter

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSet(t *testing.T) {
	var s Set
	for i := 0; i < PerSet; i++ {
		require.Zero(t, s.Load(i))
		s.Add(i, uint64(i))
		s.Add(i, 1)
	}
	for i := 0; i < PerSet; i++ {
		assert.Equal(t, uint64(i)+1, s.Load(i))
	}
	s.Add(0, ^uint64(0)) // minus one: they count modulo 2^64
	assert.Zero(t, s.Load(0))
}

func TestOutOfRange(t *testing.T) {
	var s Set
	assert.Panics(t, func() { s.Add(PerSet, 1) })
	assert.Panics(t, func() { s.Load(-1) })
}

// Whatever stripes the goroutines choose, no event is lost, and a reader that
// looks on never sees a counter go back.
func TestNothingIsLost(t *testing.T) {
	const workers, rounds = 16, 10_000
	var s Set
	done := make(chan struct{})
	watched := make(chan bool, 1)
	go func() {
		monotone := true
		for last := uint64(0); ; {
			n := s.Load(1)
			monotone = monotone && n >= last
			last = n
			select {
			case <-done:
				watched <- monotone
				return
			default:
			}
		}
	}()
	testx.Join(t, testx.Times(workers, func(int) {
		for i := 0; i < rounds; i++ {
			s.Add(1, 1)
			deep(&s, i%4)
		}
	})...)
	close(done)
	assert.True(t, testx.Recv(t, watched), "a counter went back")
	assert.EqualValues(t, workers*rounds, s.Load(1))
	assert.EqualValues(t, workers*rounds, s.Load(2))
	assert.Zero(t, s.Load(0))
}

// deep counts from another place on the stack: the stripe may be another one.
//
//go:noinline
func deep(s *Set, depth int) byte {
	var frame [3000]byte
	if depth == 0 {
		s.Add(2, 1)
		return frame[0]
	}
	return frame[depth] + deep(s, depth-1)
}

// Goroutines do not all count on one stripe.
func TestStripesAreUsed(t *testing.T) {
	var s Set
	testx.Join(t, testx.Times(256, func(int) { s.Add(0, 1) })...)
	used := 0
	for i := range s.stripe {
		if s.stripe[i].n[0].Load() > 0 {
			used++
		}
	}
	assert.Greater(t, used, 1)
}

// A stripe is a whole number of pairs of cache lines, so that stripes of a Set
// which is aligned share none.
func TestLayout(t *testing.T) {
	var s Set
	assert.Zero(t, unsafe.Sizeof(s.stripe[0])%128)
}

func TestAddAllocates(t *testing.T) {
	var s Set
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.Add(3, 1); s.Load(3) }))
}
