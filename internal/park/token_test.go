//go:build !modelcheck

package park

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// ends are the three channels of a wait, each of which may be nil.
type ends struct {
	done, also chan struct{}
	expired    chan time.Time
}

// eachEnds runs f for every combination of nil and other channels.
func eachEnds(t *testing.T, f func(t *testing.T, e ends)) {
	for i := 0; i < 8; i++ {
		var e ends
		if i&1 != 0 {
			e.done = make(chan struct{})
		}
		if i&2 != 0 {
			e.also = make(chan struct{})
		}
		if i&4 != 0 {
			e.expired = make(chan time.Time, 1)
		}
		name := fmt.Sprintf("done=%t/also=%t/expired=%t", e.done != nil, e.also != nil, e.expired != nil)
		t.Run(name, func(t *testing.T) { f(t, e) })
	}
}

// finish ends a wait in each way that e allows; wait starts one.
func (e ends) finish(t *testing.T, wait func() <-chan Reason) {
	if e.expired != nil {
		reason := wait()
		e.expired <- time.Time{}
		assert.Equal(t, Expired, testx.Recv(t, reason))
	}
	if e.done != nil {
		reason := wait()
		close(e.done)
		assert.Equal(t, Done, testx.Recv(t, reason))
	} else if e.also != nil {
		reason := wait()
		close(e.also)
		assert.Equal(t, Also, testx.Recv(t, reason))
	}
}

func TestTakeOr(t *testing.T) {
	eachEnds(t, func(t *testing.T, e ends) {
		token := NewToken()
		takeOr := func() Reason { return token.TakeOr(e.done, e.also, e.expired) }

		token.Give() // before
		require.Equal(t, Woken, takeOr())

		reason := testx.Park(t, takeOr)
		token.Give() // meanwhile
		require.Equal(t, Woken, testx.Recv(t, reason))

		e.finish(t, func() <-chan Reason { return testx.Park(t, takeOr) })
	})
}

func TestTake(t *testing.T) {
	token := NewToken()
	token.Give()
	token.Take()
	taken := testx.Park(t, func() bool { token.Take(); return true })
	token.Give()
	assert.True(t, testx.Recv(t, taken))
}

// Give does not wait for Take: the waker has other things to do.
func TestGiveDoesNotBlock(t *testing.T) {
	token := NewToken()
	for i := 0; i < 10; i++ {
		token.Give()
		token.Take()
	}
}

// The token orders the two sides: what was written before Give is seen after
// Take. (The race detector looks on.)
func TestTokenHandsOver(t *testing.T) {
	there, back := NewToken(), NewToken()
	n := 0
	testx.Join(t,
		func() {
			for i := 0; i < 1000; i++ {
				n++
				there.Give()
				back.Take()
			}
		},
		func() {
			for i := 0; i < 1000; i++ {
				there.Take()
				n++
				back.Give()
			}
		})
	assert.Equal(t, 2000, n)
}
