//go:build !modelcheck

package park

import (
	"math/rand"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

const never = time.Hour

// silent fails the test if c delivers, now or soon.
func silent(t *testing.T, c <-chan time.Time) {
	t.Helper()
	for i := 0; i < 10; i++ {
		select {
		case <-c:
			require.FailNow(t, "a stale tick")
		default:
			runtime.Gosched()
		}
	}
}

func TestTimerDelivers(t *testing.T) {
	var timer Timer
	for i := 0; i < 3; i++ {
		testx.Recv(t, timer.Start(time.Microsecond))
		timer.Stop(true)
	}
}

func TestTimerStartAgain(t *testing.T) {
	var timer Timer
	c := timer.Start(time.Microsecond)
	assert.Equal(t, c, timer.Start(never), "a second Start returns the same channel")
	testx.Recv(t, c) // and did not put it off
	timer.Stop(true)

	c = timer.Start(never)
	assert.Equal(t, c, timer.Start(0))
	silent(t, c)
	timer.Stop(false)
}

func TestTimerStop(t *testing.T) {
	var timer Timer
	timer.Stop(false) // one that never started
	timer.Start(never)
	timer.Stop(false)
	timer.Stop(false) // twice
	testx.Recv(t, timer.Start(0))
	timer.Stop(true)
	silent(t, timer.Start(never))
	timer.Stop(false)
}

// expire returns when timer has fired but nobody has received.
func expire(timer *Timer) {
	timer.Start(0)
	// Before Go 1.23, and in programs whose go.mod is older, the tick is in the
	// channel then. Newer timers put it there for who looks: a wait will do.
	for deadline := time.Now().Add(2 * time.Millisecond); len(timer.t.C) == 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
}

// A tick that nobody received must not end the next wait.
func TestTimerStaleTick(t *testing.T) {
	var timer Timer
	for i := 0; i < 50; i++ {
		expire(&timer)
		timer.Stop(false)
		silent(t, timer.Start(never))
		timer.Stop(false)
	}
	testx.Recv(t, timer.Start(0)) // it still works
	timer.Stop(true)
}

// The same with Stop at the very moment of the tick.
func TestTimerStopAtTheTick(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	var timer Timer
	for i := 0; i < 2000; i++ {
		c := timer.Start(time.Duration(rnd.Intn(20)) * time.Microsecond)
		fired := false
		for spin := rnd.Intn(200); spin > 0 && !fired; spin-- {
			select {
			case <-c:
				fired = true
			default:
				if spin%16 == 0 {
					runtime.Gosched()
				}
			}
		}
		timer.Stop(fired)
		c = timer.Start(never)
		select {
		case <-c:
			require.FailNow(t, "a stale tick", "round %d", i)
		default:
		}
		timer.Stop(false)
	}
}

// Reuse is what it is for.
func TestTimerAllocates(t *testing.T) {
	var timer Timer
	timer.Start(never)
	timer.Stop(false)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		timer.Start(never)
		timer.Stop(false)
	}))
}
