package hist

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// within fails unless got is want, give or take the error that is promised.
func within(t testing.TB, want, got time.Duration) {
	t.Helper()
	if diff := math.Abs(float64(got) - float64(want)); diff > float64(want)*Error {
		t.Fatalf("want %d, got %d", want, got)
	}
	if want < 32 {
		require.Equal(t, want, got)
	}
}

// Buckets follow each other without a gap from 0 to the longest duration, and
// none is wider than the error allows.
func TestBuckets(t *testing.T) {
	next := uint64(0)
	for i := 0; i < Buckets; i++ {
		low, high := bounds(i)
		require.Equal(t, next, low)
		require.Equal(t, i, bucket(low))
		require.Equal(t, i, bucket(high))
		within(t, time.Duration(low), middle(i))
		within(t, time.Duration(high), middle(i))
		next = high + 1
	}
	require.EqualValues(t, uint64(math.MaxInt64)+1, next)
}

func one(d time.Duration) *Snapshot {
	var h Histogram
	var s Snapshot
	h.Record(d)
	h.AddTo(&s)
	return &s
}

func FuzzError(f *testing.F) {
	for _, d := range []int64{math.MinInt64, -1, 0, 1, 31, 32, 33, 1000, 1 << 40, 1<<40 - 1, math.MaxInt64} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, d int64) {
		s := one(time.Duration(d))
		want := time.Duration(max(d, 0))
		require.EqualValues(t, 1, s.Count)
		require.Equal(t, want, s.Sum)
		within(t, want, s.Quantile(0.5))
	})
}

// Quantiles of all kinds of distributions, beside the sorted durations.
func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, f := range map[string]func() float64{
		"constant":    func() float64 { return 12345 },
		"uniform":     func() float64 { return r.Float64() * 1e6 },
		"exponential": func() float64 { return r.ExpFloat64() * 1e5 },
		"log-normal":  func() float64 { return math.Exp(r.NormFloat64()*4 + 10) },
		"two modes":   func() float64 { return 1e3 + 1e7*float64(r.IntN(2)) },
		"short":       func() float64 { return r.Float64() * 40 },
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 2, 3, 100, 9999} {
				var h Histogram
				var s Snapshot
				var all []time.Duration
				var sum time.Duration
				for i := 0; i < n; i++ {
					d := time.Duration(f())
					h.Record(d)
					all = append(all, d)
					sum += d
				}
				slices.Sort(all)
				h.AddTo(&s)
				require.EqualValues(t, n, s.Count)
				require.Equal(t, sum, s.Sum)
				for _, q := range []float64{math.Inf(-1), -1, 0, 1e-9, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1, 2, math.Inf(1)} {
					rank := int(math.Ceil(min(max(q, 0), 1) * float64(n)))
					within(t, all[max(rank, 1)-1], s.Quantile(q))
				}
				require.Equal(t, s.Quantile(0), s.Quantile(math.NaN()))
			}
		})
	}
	var empty Snapshot
	require.Zero(t, empty.Quantile(0.5))
	require.Zero(t, empty.Sum)
}

// Whatever many goroutines record is there, once, also while it is read; and
// what a snapshot has, the next one has.
func TestConcurrent(t *testing.T) {
	const goroutines, each = 16, 20_000
	var h Histogram
	done := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		var last Snapshot
		for {
			var s Snapshot
			h.AddTo(&s)
			for i := range s.Counts {
				if s.Counts[i] < last.Counts[i] {
					t.Errorf("bucket %d had %d and has %d", i, last.Counts[i], s.Counts[i])
				}
			}
			last = s
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	testx.Join(t, testx.Times(goroutines, func(g int) {
		for i := 0; i < each; i++ {
			h.Record(time.Duration(g*1000 + 1))
		}
	})...)
	close(done)
	<-read
	var s, twice Snapshot
	h.AddTo(&s)
	require.EqualValues(t, goroutines*each, s.Count)
	require.Equal(t, time.Duration(each*(1000*goroutines*(goroutines-1)/2+goroutines)), s.Sum)
	sum := uint64(0)
	last := time.Duration(-1)
	s.Each(func(most time.Duration, n uint64) {
		require.Greater(t, most, last)
		last = most
		sum += n
	})
	require.Equal(t, s.Count, sum)

	h.AddTo(&twice)
	h.AddTo(&twice)
	require.EqualValues(t, 2*goroutines*each, twice.Count)
	require.Equal(t, 2*s.Sum, twice.Sum)
	for i, n := range twice.Counts {
		require.Equal(t, 2*s.Counts[i], n)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var h Histogram
	var s Snapshot
	h.Record(1)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		h.Record(time.Millisecond)
		h.AddTo(&s)
		s.Quantile(0.99)
	}))
}

// mutexed is the rival: the same buckets under a lock.
type mutexed struct {
	mu sync.Mutex
	s  Snapshot
}

func (m *mutexed) Record(d time.Duration) {
	m.mu.Lock()
	m.s.Counts[bucket(uint64(d))]++
	m.s.Sum += d
	m.mu.Unlock()
}

func BenchmarkRecord(b *testing.B) {
	for _, goroutines := range []int{1, 8} {
		for _, impl := range []struct {
			name string
			h    interface{ Record(time.Duration) }
		}{{"mutex", new(mutexed)}, {"striped", new(Histogram)}} {
			name := "goroutines=1/impl="
			if goroutines == 8 {
				name = "goroutines=8/impl="
			}
			b.Run(name+impl.name, func(b *testing.B) {
				b.ReportAllocs()
				var wg sync.WaitGroup
				for g := 0; g < goroutines; g++ {
					wg.Add(1)
					go func() {
						defer wg.Done()
						for i := g; i < b.N; i += goroutines {
							impl.h.Record(time.Duration(1000 + i%1000))
						}
					}()
				}
				wg.Wait()
			})
		}
	}
}

// The sum stays at the longest duration, also over several stripes and histograms.
func TestSumDoesNotWrap(t *testing.T) {
	var h Histogram
	var s Snapshot
	for i := 0; i < 3; i++ {
		h.Record(1 << 62)
	}
	h.AddTo(&s)
	require.Equal(t, time.Duration(math.MaxInt64), s.Sum)
	h.AddTo(&s)
	require.Equal(t, time.Duration(math.MaxInt64), s.Sum)
	require.EqualValues(t, 6, s.Count)
	for i := 0; i < 20; i++ { // twice as many years on, and on
		h.Record(1 << 62)
		s = Snapshot{}
		h.AddTo(&s)
		require.Equal(t, time.Duration(math.MaxInt64), s.Sum)
	}
}
