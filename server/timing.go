package server

import (
	"context"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/hist"
)

// Timing is what a server with Options.Timing measured, since New. Like Stats, it
// is read piece by piece while the server works.
type Timing struct {
	// Queued is how long messages waited, from when the dispatcher had them ready
	// until their turn: those that were queued and whose caller was still there,
	// whether they were then handled, offloaded or shed.
	Queued Durations

	// Handler is how long handler calls took, wherever they ran. At rest its
	// Count is Stats.Inline + Requests + Commands.
	Handler Durations

	// Longest is the most messages in the queue that were seen when one was taken
	// from it, that one included.
	Longest int

	// Busy is how long handler calls took in all that were not offloaded:
	// Handler.Sum without those that were. It never goes back. A call counts when
	// it is over, so one that takes long is not seen until then. What is done
	// between calls, such as Options.OnCommandError, is not in it.
	Busy time.Duration

	// Up is how long the server has served, from Run to now or its end.
	Up time.Duration

	// Share is Busy as a share of Up and of Options.Concurrency: near 1, the
	// server is at its capacity. For the share in the last minute, take Busy and
	// Up of now and of a minute ago.
	Share float64
}

// Durations is a distribution. Quantiles are within 3.2 % of what they stand for.
type Durations struct {
	Count uint64
	Sum   time.Duration // at most the longest Duration there is, 292 years
	P50   time.Duration
	P90   time.Duration
	P99   time.Duration
	P999  time.Duration
	Max   time.Duration // the upper end of the last bucket

	// Buckets are those that are not empty, from the shortest durations up. Their
	// counts only grow, so the distribution in the time between two Stats is the
	// difference. They are not in JSON.
	Buckets []Bucket `json:"-"`
}

// Bucket counts durations that differ by at most 1/16.
type Bucket struct {
	Most time.Duration // the longest that counts, this one included
	N    uint64
}

// durations returns what some histograms have recorded together.
func durations(hs ...*hist.Histogram) (d Durations) {
	var s hist.Snapshot
	for _, h := range hs {
		h.AddTo(&s)
	}
	d = Durations{Count: s.Count, Sum: s.Sum,
		P50: s.Quantile(0.5), P90: s.Quantile(0.9), P99: s.Quantile(0.99), P999: s.Quantile(0.999)}
	s.Each(func(most time.Duration, n uint64) {
		d.Max = most
		d.Buckets = append(d.Buckets, Bucket{most, n})
	})
	return d
}

// timing returns what was measured; nil without Options.Timing.
func (s *Server[Req, Resp]) timing(capacity int) *Timing {
	c := s.clock
	if c == nil || !c.timing {
		return nil
	}
	lanes := make([]*hist.Histogram, len(c.waits))
	for i := range lanes {
		lanes[i] = &c.waits[i]
	}
	var own hist.Snapshot
	c.calls.AddTo(&own) // before all calls are looked at, so that Busy is no more than their sum
	t := &Timing{Queued: durations(lanes...), Handler: durations(&c.calls, &c.away), Busy: own.Sum}
	// Who left and who came before the look are both in it.
	t.Longest = min(int(c.longest.Load()), capacity)
	select {
	case <-s.done:
		if !c.began.IsZero() {
			t.Up = c.ended.Sub(c.began)
		}
	default:
		s.mu.Lock()
		began := c.began
		s.mu.Unlock()
		if !began.IsZero() {
			t.Up = time.Since(began)
		}
	}
	if t.Up > 0 {
		t.Share = float64(t.Busy) / float64(t.Up) / float64(s.opts.Concurrency)
	}
	return t
}

// timed is a handler whose calls are measured, those too that do not return. It
// is the outermost.
type timed[Req, Resp any] struct {
	Handler[Req, Resp]
	calls *hist.Histogram
}

func (h *timed[Req, Resp]) unwrap() Handler[Req, Resp] { return h.Handler }

func (h *timed[Req, Resp]) HandleRequest(ctx context.Context, req Req) (Resp, error) {
	defer h.took(time.Now())
	return h.Handler.HandleRequest(ctx, req)
}

func (h *timed[Req, Resp]) HandleCommand(ctx context.Context, cmd Req) error {
	defer h.took(time.Now())
	return h.Handler.HandleCommand(ctx, cmd)
}

func (h *timed[Req, Resp]) took(since time.Time) { h.calls.Record(time.Since(since)) }
