package bench

import (
	"math"
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// fine is how many buckets there are for each power of two: times are known to
// one part in 128.
const fine = 128

// histogram counts times in buckets that grow with the time. The zero value is
// empty. It allocates nothing and is not shared.
type histogram struct {
	buckets [(64 - 4) * fine]uint32
	n       uint64
}

// bucket returns where a time is counted: one bucket for each nanosecond below
// 2*fine, then fine of them for each power of two.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(0, bits.Len64(v)-bits.Len64(fine))
	return shift*fine + int(v>>shift)
}

// middle returns the time that stands for a bucket.
func middle(i int) time.Duration {
	if i < 2*fine {
		return time.Duration(i)
	}
	shift := i/fine - 1
	return time.Duration((2*uint64(i-shift*fine) + 1) << shift / 2)
}

func (h *histogram) record(d time.Duration) {
	h.buckets[bucket(d)]++
	h.n++
}

func (h *histogram) add(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.n += o.n
}

// quantile returns the time that a share of p of all do not exceed.
func (h *histogram) quantile(p float64) time.Duration {
	rank := min(uint64(p*float64(h.n)), max(h.n, 1)-1)
	for i, n := range h.buckets {
		if rank < uint64(n) {
			return middle(i)
		}
		rank -= uint64(n)
	}
	return 0
}

// histograms returns one for each client, before the clock runs: they are large.
// They are nil if every is 0, as then nothing is timed.
func histograms(clients, every int) []*histogram {
	hs := make([]*histogram, clients)
	for c := range hs {
		if every > 0 {
			hs[c] = new(histogram)
		}
	}
	return hs
}

// merge returns what all have counted.
func merge(hs []*histogram) *histogram {
	all := new(histogram)
	for _, h := range hs {
		if h != nil {
			all.add(h)
		}
	}
	return all
}

// report adds the quantiles to the result of a benchmark, in nanoseconds. It
// leaves out those that too few samples tell about.
func (h *histogram) report(b *testing.B, prefix string, names ...string) {
	for _, name := range names {
		p := map[string]float64{"p50": 0.5, "p99": 0.99, "p99.9": 0.999}[name]
		if p == 0.5 || h.tells(p) {
			b.ReportMetric(float64(h.quantile(p)), prefix+name+"-ns")
		}
	}
}

// tells reports whether 20 samples or more are above a quantile: what fewer tell
// differs too much from one run to the next.
func (h *histogram) tells(p float64) bool { return math.Round((1-p)*float64(h.n)) >= 20 }

func TestHistogram(t *testing.T) {
	var h, o histogram
	assert.Zero(t, h.quantile(0.5))
	for i := 1; i <= 1000; i++ {
		h.record(time.Duration(i) * time.Microsecond)
	}
	o.record(time.Hour)
	h.add(&o)
	for p, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond, 1: time.Hour} {
		assert.InEpsilon(t, want, h.quantile(p), 1.0/fine, p)
	}
	assert.False(t, h.tells(0.99))
	h.n = 2000
	assert.True(t, h.tells(0.99))
	assert.False(t, h.tells(0.999))
	for _, d := range []time.Duration{-1, 0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 1 << 40, 1<<63 - 1} {
		assert.InDelta(t, float64(max(d, 0)), float64(middle(bucket(d))), float64(max(d, 0))/fine, d)
	}
}
