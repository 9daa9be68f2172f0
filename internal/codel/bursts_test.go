package codel

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bursts sends one of length messages, of 1 ms each, every period; the queue is empty
// from the end of one to the next. It returns how many were dropped.
func bursts(n int, length, period, begin time.Duration, drop func(now, waited time.Duration, left int) bool) (dropped int) {
	for i := 0; i < n; i++ {
		start := begin + time.Duration(i)*period
		now := start
		for left := int(length/ms) - 1; left >= 0; left-- {
			if drop(now, now-start, left) {
				dropped++
			} else {
				now += ms
			}
		}
	}
	return dropped
}

// Bursts are left alone however they fall into the intervals: also if one ends early in
// an interval that began in the middle of it, and the next comes after that.
func TestBurstsAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := NewSlough(2*ms, 50*ms)
	now := time.Duration(0)
	for i := 0; i < 10_000; i++ {
		length, pause := time.Duration(10+r.IntN(30))*ms, time.Duration(1+r.IntN(60))*ms
		require.Zero(t, bursts(1, length, 0, now, func(now, waited time.Duration, _ int) bool { return s.Drop(now, waited) }), i)
		now += length + pause
	}
}

// They are left alone after an overload, too, though each would be cut if the queue
// were still taken for a bad one, and no interval is without a burst.
func TestBurstsSoonAfterAnOverload(t *testing.T) {
	for _, b := range []struct{ length, period time.Duration }{{10 * ms, 50 * ms}, {20 * ms, 40 * ms}, {12 * ms, 20 * ms}, {6 * ms, 10 * ms}} {
		s := NewSlough(2*ms, 50*ms)
		drop := func(now, waited time.Duration, _ int) bool { return s.Drop(now, waited) }
		now := time.Duration(0)
		for ; now < time.Second; now += ms {
			s.Drop(now, 100*ms)
		}
		require.True(t, s.bad)
		bursts(20, b.length, b.period, now, drop)
		require.Zero(t, bursts(20, b.length, b.period, now+20*b.period, drop), "%v in %v", b.length, b.period)
	}
}
