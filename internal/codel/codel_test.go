package codel

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// A burst that is gone within the interval is not touched, by either law.
func TestBurst(t *testing.T) {
	c, s := NewCoDel(5*ms, 100*ms), NewSlough(5*ms, 100*ms)
	for round := 0; round < 10; round++ {
		begin := time.Duration(round) * 200 * ms
		for i := 0; i < 99; i++ { // 99 at once, one handled each millisecond
			now := begin + time.Duration(i)*ms
			require.False(t, c.Drop(now, now-begin, 98-i))
			require.False(t, s.Drop(now, now-begin))
		}
	}
}

// A queue that stays long: the first drop after an interval, then one each
// interval/sqrt(n); and none from the moment on where it is short.
func TestControlLaw(t *testing.T) {
	c := NewCoDel(5*ms, 100*ms)
	var drops []time.Duration
	now := time.Duration(0)
	for ; now < 2*time.Second; now += ms / 10 {
		if c.Drop(now, 50*ms, 100) {
			drops = append(drops, now)
		}
	}
	require.Equal(t, 100*ms, drops[0])
	want := drops[0]
	for i := 1; i < len(drops); i++ {
		want += time.Duration(float64(100*ms) / math.Sqrt(float64(i)))
		require.InDelta(t, want, drops[i], float64(ms/10))
	}
	require.Greater(t, len(drops), 80)
	require.False(t, c.Drop(now, 4*ms, 100))
	require.False(t, c.Drop(now, 50*ms, 100), "an interval from here on")
	require.False(t, c.Drop(now+99*ms, 150*ms, 100))
	require.True(t, c.Drop(now+100*ms, 150*ms, 100))
	// It goes on where it was: the next one much sooner than after 100 ms.
	require.True(t, c.Drop(now+125*ms, 150*ms, 100))
}

func TestLastIsNeverDropped(t *testing.T) {
	c, s := NewCoDel(5*ms, 100*ms), NewSlough(5*ms, 100*ms)
	for now := time.Duration(0); now < 10*time.Second; now += 150 * ms {
		require.False(t, c.Drop(now, time.Second, 0))
		require.False(t, s.Drop(now, time.Second))
	}
}

// packet is when a message was queued.
type packet = time.Duration

// rfc is the pseudo-code of RFC 8289, section 5, with its queue.
type rfc struct {
	q                        []packet
	target, interval         time.Duration
	firstAboveTime, dropNext time.Duration
	count, lastCount         int
	dropping                 bool
	drops                    []packet
}

func (r *rfc) dodeque(now time.Duration) (p packet, some, okToDrop bool) {
	if len(r.q) == 0 {
		r.firstAboveTime = 0
		return 0, false, false
	}
	p, r.q = r.q[0], r.q[1:]
	if now-p < r.target || len(r.q) == 0 {
		r.firstAboveTime = 0
	} else if r.firstAboveTime == 0 {
		r.firstAboveTime = now + r.interval
	} else if now >= r.firstAboveTime {
		okToDrop = true
	}
	return p, true, okToDrop
}

func (r *rfc) law(t time.Duration) time.Duration {
	return t + time.Duration(float64(r.interval)/math.Sqrt(float64(r.count)))
}

func (r *rfc) deque(now time.Duration) (packet, bool) {
	p, some, ok := r.dodeque(now)
	if r.dropping {
		if !ok {
			r.dropping = false
		}
		for now >= r.dropNext && r.dropping {
			r.drops = append(r.drops, p)
			r.count++
			p, some, ok = r.dodeque(now)
			if !ok {
				r.dropping = false
			} else {
				r.dropNext = r.law(r.dropNext)
			}
		}
	} else if ok {
		r.drops = append(r.drops, p)
		p, some, _ = r.dodeque(now)
		r.dropping = true
		delta := r.count - r.lastCount
		r.count = 1
		if delta > 1 && now-r.dropNext < 16*r.interval {
			r.count = delta
		}
		r.dropNext = r.law(now)
		r.lastCount = r.count
	}
	return p, some
}

// Under loads that come and go, CoDel drops what the pseudo-code drops.
func TestAgainstTheRFC(t *testing.T) {
	for seed := uint64(0); seed < 200; seed++ {
		r := rand.New(rand.NewPCG(seed, 1))
		ref := &rfc{target: 5 * ms, interval: 100 * ms}
		c := NewCoDel(5*ms, 100*ms)
		var q, drops []packet
		now, load := time.Duration(1), 1.0
		arrival := now
		for i := 0; i < 20_000; i++ {
			if r.IntN(500) == 0 {
				load = 0.3 + 2*r.Float64()
			}
			for arrival <= now {
				q, ref.q = append(q, arrival), append(ref.q, arrival)
				arrival += time.Duration(r.ExpFloat64() / load * float64(ms))
			}
			want, some := ref.deque(now)
			var got packet
			found := false
			for len(q) > 0 && !found {
				p := q[0]
				q = q[1:]
				if c.Drop(now, now-p, len(q)) {
					drops = append(drops, p)
				} else {
					got, found = p, true
				}
			}
			if !found && !some { // empty: the pseudo-code looks at it, a consumer parks
				now = max(now, arrival)
				continue
			}
			if want != got { // asked four million times: require.Equal takes microseconds
				require.Equal(t, want, got)
			}
			now += time.Duration(r.ExpFloat64() * float64(ms))
		}
		require.Equal(t, ref.drops, drops)
		require.NotEmpty(t, drops)
	}
}

// overload is an open loop over one server: what comes does not care for what
// is dropped. It returns the share of the capacity that was handled and the 99th
// percentile of the waits of what was handled, both in the last half.
func overload(load float64, service, length time.Duration, drop func(now, waited time.Duration, left int) bool) (goodput float64, p99 time.Duration) {
	r := rand.New(rand.NewPCG(1, 1))
	var q []packet
	var waits []time.Duration
	arrival, now := time.Duration(0), time.Duration(0)
	for now < length {
		for arrival <= now {
			q = append(q, arrival)
			arrival += time.Duration(r.ExpFloat64() / load * float64(service))
		}
		if len(q) == 0 {
			now = arrival
			continue
		}
		p := q[0]
		q = q[1:]
		if drop(now, now-p, len(q)) {
			continue // which takes no time
		}
		if now > length/2 {
			waits = append(waits, now-p)
		}
		now += service
	}
	sort.Slice(waits, func(i, k int) bool { return waits[i] < waits[k] })
	return float64(len(waits)) * float64(service) / float64(length/2), waits[len(waits)*99/100]
}

// Slough holds the wait at twice its target and keeps the server busy, from 0.5
// to 4 times the capacity; CoDel, made for senders that slow down, has not got
// there after half a minute.
func TestOverload(t *testing.T) {
	const service = 100 * time.Microsecond
	for _, load := range []float64{0.5, 0.9, 1.2, 2, 4} {
		s := NewSlough(2*ms, 50*ms)
		goodput, p99 := overload(load, service, 20*time.Second, func(now, waited time.Duration, _ int) bool { return s.Drop(now, waited) })
		t.Logf("slough at %v: goodput %.3f, p99 %v", load, goodput, p99)
		require.InDelta(t, min(load, 1), goodput, 0.02)
		require.LessOrEqual(t, p99, 4*ms+service)
		require.Equal(t, load > 1, s.bad)
	}
	c := NewCoDel(2*ms, 50*ms)
	goodput, p99 := overload(2, service, 30*time.Second, c.Drop)
	t.Logf("codel at 2: goodput %.3f, p99 %v", goodput, p99)
	require.Greater(t, goodput, 0.98)
	require.Greater(t, p99, time.Second)
}

// Senders that stop for 5 ms in each 40, at four times the capacity in between:
// the queue empties each time, and still few wait for long.
func TestStutter(t *testing.T) {
	const service, pause, period = 100 * time.Microsecond, 5 * ms, 40 * ms
	s := NewSlough(2*ms, 50*ms)
	r := rand.New(rand.NewPCG(1, 1))
	var q []packet
	var waits []time.Duration
	arrival, now, busy := time.Duration(0), time.Duration(0), time.Duration(0)
	for now < 10*time.Second {
		for arrival <= now {
			q = append(q, arrival)
			arrival += time.Duration(r.ExpFloat64() / 4 * float64(service))
			if arrival%period < pause {
				arrival += pause
			}
		}
		if len(q) == 0 {
			now = arrival
			continue
		}
		p := q[0]
		q = q[1:]
		if s.Drop(now, now-p) {
			continue
		}
		waits = append(waits, now-p)
		now += service
		busy += service
	}
	sort.Slice(waits, func(i, k int) bool { return waits[i] < waits[k] })
	p99 := waits[len(waits)*99/100]
	t.Logf("p99 %v, busy %.3f", p99, float64(busy)/float64(now))
	require.LessOrEqual(t, p99, 6*ms)
	require.Greater(t, float64(busy)/float64(now), 0.9)
}

// After an overload, bursts are handled again as soon as an interval has passed
// in which nothing had to be dropped, or in which nothing came.
func TestBurstsAfterAnOverload(t *testing.T) {
	for _, calm := range []time.Duration{110 * ms, 0} { // with messages that do not wait
		s := NewSlough(2*ms, 50*ms)
		now := time.Duration(0)
		for ; now < time.Second; now += ms {
			s.Drop(now, 100*ms)
		}
		require.True(t, s.bad)
		for end := now + calm; now < end; now += ms {
			require.False(t, s.Drop(now, 0))
		}
		if calm == 0 {
			now += 200 * ms
		}
		for i := time.Duration(0); i < 40; i++ {
			require.False(t, s.Drop(now+i*ms, i*ms))
		}
		require.False(t, s.bad)
	}
}

// Slough recovers within an interval or two.
func TestSloughRecovers(t *testing.T) {
	s := NewSlough(5*ms, 100*ms)
	now := time.Duration(0)
	dropped := 0
	for ; now < 300*ms; now += ms {
		if s.Drop(now, 20*ms) {
			dropped++
		}
	}
	require.Equal(t, 198, dropped, "all in the two intervals after the first, but the first of each")
	for ; now < 500*ms; now += ms {
		s.Drop(now, ms)
	}
	require.False(t, s.bad)
	require.False(t, s.Drop(now, time.Hour))
	require.False(t, s.Drop(now+ms, time.Hour))
}

// An Interval as long as can be drops nothing.
func TestEndlessInterval(t *testing.T) {
	c := NewCoDel(time.Millisecond, math.MaxInt64)
	for now := time.Second; now < 10*time.Second; now += time.Millisecond {
		require.False(t, c.Drop(now, 2*time.Millisecond, 5))
	}
}

// What is left of a queue may be messages that nobody asks about, as nobody waits for
// them any more. The queue was empty all the same.
func TestEmptyUnseen(t *testing.T) {
	c := NewCoDel(5*ms, 100*ms)
	require.False(t, c.Drop(time.Second, 50*ms, 2))
	for now := time.Hour; now < time.Hour+100*ms; now += 10 * ms {
		require.False(t, c.Drop(now, now-time.Hour+20*ms, 2))
	}
	require.True(t, c.Drop(time.Hour+100*ms, 120*ms, 2))
}
