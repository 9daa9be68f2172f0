package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sparkpipe/sparkpipe/bench/cmd/internal/progress"
	"github.com/sparkpipe/sparkpipe/internal/hist"
)

// plan is what is to be measured.
type plan struct {
	span, work, deadline time.Duration
	rounds               int
	loads                []float64
	sides                []contestant
}

// Goroutines and contexts of the load generator are garbage at a rate that would
// have the collector work all the time in so small a heap.
const gcPercent = 400

// warm is how long a load lasts before it counts.
func (p *plan) warm() time.Duration { return min(p.span/4, 2*time.Second) }

// measure returns the raw results.
func (p *plan) measure(ctx context.Context, stderr io.Writer) ([]byte, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	tell := progress.New("overload", stderr)
	defer tell.Stop()
	w := newWorker(p.work)
	tell.Say("measuring the capacity")
	before, err := calibrate(ctx, w, max(p.span, 200*time.Millisecond))
	if err != nil {
		return nil, err
	}
	tell.Say("%.0f requests/s", before)
	var points bytes.Buffer
	tell.Start(p.rounds * len(p.loads) * len(p.sides))
	for round := 1; round <= p.rounds; round++ {
		fmt.Fprintf(&points, "round: %d\n", round)
		for _, load := range p.loads {
			tell.Round(fmt.Sprintf("round %d of %d, %g times the capacity", round, p.rounds, load))
			for _, c := range p.order(round) {
				tell.Step(c.name)
				pt, err := p.point(ctx, c, w, load*before, uint64(round))
				if err != nil {
					return nil, fmt.Errorf("%s at %g times the capacity: %w", c.name, load, err)
				}
				pt.write(&points, c.name, load, before)
			}
		}
	}
	tell.Stop()
	tell.Say("measuring the capacity again")
	after, err := calibrate(ctx, w, max(p.span, 200*time.Millisecond))
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	p.head(&raw, before, after)
	points.WriteTo(&raw)
	return raw.Bytes(), nil
}

// order returns the contestants as they take turns in a round. They begin at another
// one each time, so that nobody is always the first or the last.
func (p *plan) order(round int) []contestant {
	first := (round - 1) * len(p.sides) / p.rounds
	return slices.Concat(p.sides[first:], p.sides[:first])
}

// point measures a contestant at one rate.
func (p *plan) point(ctx context.Context, c contestant, w worker, rate float64, seed uint64) (*point, error) {
	defer runtime.GC() // what this side has left is not the next one's
	s, err := c.start(w)
	if err != nil {
		return nil, err
	}
	pt, err := offer(ctx, s, rate, p.deadline, p.warm(), p.span, seed)
	if stopErr := s.stop(); err == nil {
		err = stopErr
	}
	return pt, err
}

// head writes the configuration lines.
func (p *plan) head(out io.Writer, before, after float64) {
	cpu := "unknown"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(info), "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	for _, l := range [][2]string{
		{"date", time.Now().UTC().Format("2006-01-02 15:04 MST")},
		{"goos", runtime.GOOS}, {"goarch", runtime.GOARCH}, {"cpu", cpu},
		{"cores", fmt.Sprint(runtime.GOMAXPROCS(0))},
		{"go", runtime.Version()},
		{"gogc", fmt.Sprint(gcPercent)},
		{"handler", p.work.String()},
		{"deadline", p.deadline.String()},
		{"duration", p.span.String()},
		{"capacity", fmt.Sprintf("%.0f requests/s", before)},
		{"capacity-afterwards", fmt.Sprintf("%.0f requests/s", after)},
	} {
		fmt.Fprintf(out, "%s: %s\n", l[0], l[1])
	}
}

// write writes the result in the Go benchmark format. Microseconds are written as
// us, which readers of the format do not convert. The name ends in GOMAXPROCS, lest
// they take the 32 of a contestant for it.
func (p *point) write(out io.Writer, impl string, load, capacity float64) {
	var answers, refusals, lags hist.Snapshot
	p.answers.AddTo(&answers)
	p.refusals.AddTo(&refusals)
	p.lags.AddTo(&lags)
	us := func(s *hist.Snapshot, q float64) float64 { return float64(s.Quantile(q)) / float64(time.Microsecond) }
	second := p.span.Seconds()
	fmt.Fprintf(out, "BenchmarkOverload/load=%g/impl=%s-%d %d %.0f sent/s %.0f good/s %.3f good/capacity %.0f late/s %.0f refused/s %.0f gone/s"+
		" %.0f p50-us %.0f p99-us %.0f p99.9-us %.0f refused-p50-us %.0f refused-p99-us %.0f lag-p99-us\n",
		load, impl, runtime.GOMAXPROCS(0), p.sent, float64(p.sent)/second, float64(p.good.Load())/second, float64(p.good.Load())/second/capacity,
		float64(p.late.Load())/second, float64(p.refused.Load())/second, float64(p.gone.Load())/second,
		us(&answers, 0.5), us(&answers, 0.99), us(&answers, 0.999), us(&refusals, 0.5), us(&refusals, 0.99), us(&lags, 0.99))
}
