//go:build !modelcheck

package park

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

func (q *items) take(e ends) Reason {
	return q.gate.Until(q.tryTake, q.any, e.done, e.also, e.expired)
}

// park starts a taker and returns when it sleeps.
func (q *items) park(t *testing.T, e ends) <-chan Reason {
	t.Helper()
	return testx.Park(t, func() Reason { return q.take(e) })
}

func TestGateReasons(t *testing.T) {
	eachEnds(t, func(t *testing.T, e ends) {
		q := &items{gate: Gate{Pool: &sync.Pool{}}}

		q.put(1) // before: no sleep
		require.Equal(t, Woken, q.take(e))

		reason := q.park(t, e)
		q.put(1) // meanwhile
		require.Equal(t, Woken, testx.Recv(t, reason))

		e.finish(t, func() <-chan Reason { return q.park(t, e) })
		require.Zero(t, q.n.Load())
		atRest(t, &q.gate)
	})
}

// atRest checks that nobody is listed and no wake-up is under way.
func atRest(t *testing.T, g *Gate) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	assert.Nil(t, g.first)
	assert.Nil(t, g.last)
	assert.False(t, g.flying)
	assert.Zero(t, g.armed.Load())
}

// What is there is taken, though the wait has ended before it began.
func TestGateTriesFirst(t *testing.T) {
	e := ends{done: make(chan struct{}), also: make(chan struct{}), expired: make(chan time.Time, 1)}
	close(e.done)
	close(e.also)
	e.expired <- time.Time{}
	q := &items{}
	q.put(1)
	assert.Equal(t, Woken, q.take(e))
	assert.NotEqual(t, Woken, q.take(e))
	atRest(t, &q.gate)
}

func TestGateWakesInOrder(t *testing.T) {
	q := &items{}
	var reasons []<-chan Reason
	for i := 0; i < 8; i++ {
		reasons = append(reasons, q.park(t, ends{}))
	}
	for i, r := range reasons {
		q.put(1)
		require.Equal(t, Woken, testx.Recv(t, r))
		for _, later := range reasons[i+1:] {
			require.Empty(t, later, "somebody was quicker than number %d", i)
		}
	}
	atRest(t, &q.gate)
}

// Who was woken in vain keeps its place at the head of the line.
func TestGateKeepsThePlace(t *testing.T) {
	q := &items{}
	looked := make(chan bool)
	try := func() bool {
		ok := q.tryTake()
		looked <- ok
		return ok
	}
	first := testx.Park(t, func() Reason {
		return q.gate.Until(try, q.any, nil, nil, nil)
	})
	require.False(t, testx.Recv(t, looked))
	second := q.park(t, ends{})
	for i := 0; i < 3; i++ {
		q.gate.Wake()
		require.False(t, testx.Recv(t, looked), "nothing there for the first")
	}
	q.put(1)
	require.True(t, testx.Recv(t, looked))
	require.Equal(t, Woken, testx.Recv(t, first))
	require.Empty(t, second)
	q.put(1)
	require.Equal(t, Woken, testx.Recv(t, second))
	atRest(t, &q.gate)
}

// One call of Wake stands for all that was put: the woken wake each other.
func TestGatePassesOn(t *testing.T) {
	q := &items{}
	var reasons []<-chan Reason
	for i := 0; i < 8; i++ {
		reasons = append(reasons, q.park(t, ends{}))
	}
	q.put(5)
	for _, r := range reasons[:5] {
		require.Equal(t, Woken, testx.Recv(t, r))
	}
	for _, r := range reasons[5:] {
		require.Empty(t, r)
	}
	q.put(3)
	for _, r := range reasons[5:] {
		require.Equal(t, Woken, testx.Recv(t, r))
	}
	atRest(t, &q.gate)
}

// While one that was woken is on its way, others sleep on, however often Wake is
// called; they are woken when it leaves.
func TestGateOneAtATime(t *testing.T) {
	q := &items{}
	var looks atomic.Uint32 // how often the second one looked
	step := make(chan bool)
	first := testx.Park(t, func() Reason {
		return q.gate.Until(func() bool { return <-step && q.tryTake() }, q.any, nil, nil, nil)
	})
	step <- false // it looked for the first time, and goes to sleep
	second := testx.Park(t, func() Reason {
		return q.gate.Until(func() bool {
			looks.Store(looks.Load() + 1)
			return q.tryTake()
		}, q.any, nil, nil, nil)
	})
	q.gate.mu.Lock()
	w := q.gate.last // the second one's place
	q.gate.mu.Unlock()
	for i := 0; i < 100; i++ {
		q.put(1)
	}
	q.gate.mu.Lock()
	listed := w.listed
	q.gate.mu.Unlock()
	require.True(t, listed, "the second one was woken beside the first")
	require.EqualValues(t, 1, looks.Load())
	step <- true
	require.Equal(t, Woken, testx.Recv(t, first))
	require.Equal(t, Woken, testx.Recv(t, second))
	require.EqualValues(t, 2, looks.Load())
	atRest(t, &q.gate)
}

// With nobody there, Wake and a look that succeeds leave nothing behind.
func TestGateIdle(t *testing.T) {
	var g Gate
	for i := 0; i < 3; i++ {
		g.Wake()
		atRest(t, &g)
	}
}
