package gradient

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// machine runs calls side by side: up to cores of them do not slow each other
// down, more share the cores.
type machine struct {
	cores   float64
	service time.Duration
	now     time.Duration
	r       *rand.Rand
}

func newMachine(cores float64, service time.Duration) *machine {
	return &machine{cores: cores, service: service, now: time.Second, r: rand.New(rand.NewPCG(1, 1))}
}

// latency of a call, with n running.
func (m *machine) latency(n int) time.Duration {
	noise := 0.9 + 0.2*m.r.Float64()
	if m.r.IntN(100) == 0 {
		noise *= 10 // a straggler
	}
	return time.Duration(float64(m.service) * max(1, float64(n)/m.cores) * noise)
}

// run has as many calls run as there is demand for and sample allows, for d, and
// returns how many have ended.
func (m *machine) run(d time.Duration, demand int, limit func() int, sample func(now, latency time.Duration, inFlight int)) (calls int) {
	for end := m.now + d; m.now < end; calls++ {
		n := min(limit(), demand)
		latency := m.latency(n)
		m.now += time.Duration(float64(m.service) * max(1, float64(n)/m.cores) / float64(n))
		sample(m.now, latency, n)
	}
	return calls
}

// fewer is n, or less under the race detector, which has nothing to find where one
// goroutine simulates.
func fewer(n float64) float64 {
	if testx.Race {
		return n / 20
	}
	return n
}

// With more demand than can be served, the limit comes to rest where the cores are
// busy and latency has grown by little, and stays there.
func TestFindsTheCores(t *testing.T) {
	for _, cores := range []float64{1, 2, 8, 64, 500} {
		for _, service := range []time.Duration{10 * time.Microsecond, time.Millisecond, 50 * time.Millisecond} {
			if cores*float64(time.Second/service) > fewer(1e7) {
				continue // which takes too long to simulate
			}
			t.Run(fmt.Sprintf("%v cores, %v", cores, service), func(t *testing.T) {
				l := New(1, 1000)
				m := newMachine(cores, service)
				length := max(time.Second, 1000*service)
				m.run(3*length, 1<<20, l.Limit, l.Sample)
				if service > time.Millisecond && cores >= 64 {
					m.run(60*time.Second, 1<<20, l.Limit, l.Sample)
				}
				// L = g*L + sqrt(g*L) with g = 1.25*cores/L.
				highest := 1.3*cores + 1.2*math.Sqrt(1.3*cores) + 2
				before := m.now
				calls := 0
				for m.now < before+length {
					require.LessOrEqual(t, float64(l.Limit()), highest)
					calls += m.run(length/100, 1<<20, l.Limit, l.Sample)
				}
				busy := float64(calls) * float64(service) / cores / float64(m.now-before)
				require.Greater(t, busy, 0.93) // a twentieth may go into measuring
				t.Logf("limit %d, baseline %v, busy %.3f", l.Limit(), l.Baseline(), busy)
				require.InDelta(t, float64(service), float64(l.Baseline()), float64(service)/10)
			})
		}
	}
}

// It follows the machine and the calls when they change, under load, and does not
// take the overload for normal though it lasts for ten minutes.
func TestFollows(t *testing.T) {
	if testx.Race {
		t.Skip("one goroutine simulates, for half a minute then")
	}
	l := New(1, 1000)
	m := newMachine(8, time.Millisecond)
	settle := func(d time.Duration, low, high int) {
		t.Helper()
		m.run(d, 1<<20, l.Limit, l.Sample)
		busy, n := 0, 0
		for ; n < 500; n++ {
			m.run(20*time.Millisecond, 1<<20, l.Limit, l.Sample)
			if limit := l.Limit(); limit >= low && limit <= high {
				busy++
			}
		}
		require.GreaterOrEqual(t, busy, 450, "limit %d", l.Limit()) // but for the measuring
	}
	settle(2*time.Second, 8, 16)
	settle(10*time.Minute, 8, 16)
	m.cores = 2
	settle(10*time.Second, 2, 7)
	m.cores = 32
	settle(40*time.Second, 32, 52)
	m.service *= 10 // heavier calls: it falls, finds out, and rises
	settle(60*time.Second, 32, 52)
	m.service /= 100 // lighter ones: the baseline is too high until it is refreshed
	settle(60*time.Second, 32, 52)
}

// Calls that have become slower by themselves take the limit down to low, where it finds
// that out, long before the baseline is too old. A low of 1 is no exception.
func TestFollowsSlowerCalls(t *testing.T) {
	for _, lowest := range []int{1, 2, 4} {
		for _, slower := range []time.Duration{3, 10} {
			l := New(lowest, 1000)
			l.refresh = time.Hour
			m := newMachine(8, time.Millisecond)
			m.run(2*time.Second, 1<<20, l.Limit, l.Sample)
			m.service *= slower
			m.run(2*time.Second, 1<<20, l.Limit, l.Sample)
			require.InDelta(t, float64(m.service), float64(l.Baseline()), float64(m.service)/10)
			m.run(2*time.Second, 1<<20, l.Limit, l.Sample)
			require.GreaterOrEqual(t, l.Limit(), 8)
		}
	}
}

// Without demand the limit does not grow; with little, the baseline is found
// without going down for it.
func TestWithoutDemand(t *testing.T) {
	l := New(2, 1000)
	m := newMachine(64, time.Millisecond)
	m.run(10*time.Second, 4, l.Limit, l.Sample)
	require.LessOrEqual(t, l.Limit(), 16)
	require.GreaterOrEqual(t, l.Limit(), 4)
	low := 0
	m.run(200*time.Second, 2, func() int {
		if l.Limit() == 2 {
			low++
		}
		return l.Limit()
	}, l.Sample)
	require.Zero(t, low)
}

// Measuring under load costs a twentieth of the time at most.
func TestCostOfMeasuring(t *testing.T) {
	for _, service := range []time.Duration{100 * time.Microsecond, 100 * time.Millisecond} {
		l := New(1, 100)
		m := newMachine(8, service)
		if service < time.Millisecond && testx.Race {
			continue
		}
		m.run(time.Minute, 1<<20, l.Limit, l.Sample)
		began, low, last := m.now, time.Duration(0), m.now
		m.run(10*time.Minute, 1<<20, func() int {
			if l.Limit() == 1 {
				low += m.now - last
			}
			last = m.now
			return l.Limit()
		}, l.Sample)
		share := float64(low) / float64(m.now-began)
		t.Logf("%v: %.4f", service, share)
		require.LessOrEqual(t, share, 0.06)
	}
}

// The limit stays between low and high whatever the samples are.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for round := 0; round < int(fewer(200)); round++ {
		lowest := 1 + r.IntN(20)
		highest := lowest + r.IntN(100)
		l := New(lowest, highest)
		l.every, l.refresh = 1, 100
		now := time.Duration(0)
		for i := 0; i < 2000; i++ {
			now += time.Duration(r.IntN(5))
			l.Sample(now, time.Duration(r.Int64N(1<<uint(1+r.IntN(62))))-2, r.IntN(200))
			require.GreaterOrEqual(t, l.Limit(), lowest)
			require.LessOrEqual(t, l.Limit(), highest)
		}
	}
	l := New(5, 5)
	newMachine(1, time.Millisecond).run(time.Second, 10, func() int { require.Equal(t, 5, l.Limit()); return 5 }, l.Sample)
}

func TestShared(t *testing.T) {
	l := New(1, 100)
	l.every = 1
	testx.Join(t, testx.Times(8, func(g int) {
		for i := 0; i < 10_000; i++ {
			l.Sample(time.Duration(i), 1000, l.Limit())
			l.Baseline()
		}
	})...)
	require.Equal(t, 1000*time.Nanosecond, l.Baseline())
	require.Zero(t, testing.AllocsPerRun(1000, func() { l.Sample(1e9, 1000, 1) }))
}

// Gradient2 of concurrency-limits, with its defaults, on the same machine under the
// same demand: its limit goes far beyond the cores.
func TestWhyNotGradient2(t *testing.T) {
	const lowest, highest, room, smoothing, window = 1, 1000, 4, 0.2, 600
	limit, long, n := 20.0, 0.0, 0
	m := newMachine(8, time.Millisecond)
	sample := func(_, latency time.Duration, inFlight int) {
		short := float64(latency)
		if n++; n < 10 {
			long += (short - long) / float64(n)
		} else {
			long += (short - long) * 2 / (window + 1)
		}
		if long/short > 2 {
			long *= 0.9
		}
		if float64(inFlight) < limit/2 {
			return
		}
		gradient := max(0.5, min(1, long/short))
		limit = limit*(1-smoothing) + (limit*gradient+room)*smoothing
		limit = max(lowest, min(highest, limit))
	}
	most := 0
	for i := 0; i < 600; i++ {
		m.run(100*time.Millisecond, 1<<20, func() int { return int(limit) }, sample)
		most = max(most, int(limit))
	}
	t.Logf("gradient2: %v of 8 cores, at most %d", limit, most)
	require.Greater(t, limit, 80.0)
}

// Baseline returns the latency with few in flight; 0: it is not known yet.
func (l *Limit) Baseline() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.base
}
