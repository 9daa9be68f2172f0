package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sparkpipe/sparkpipe/bench/cmd/internal/progress"
	"github.com/sparkpipe/sparkpipe/pprof"
)

// contestant makes a side, ready to be sent to.
type contestant struct {
	name string
	make func(config) (side, error)
}

// contestants are the two that the table is about, in this order.
var contestants = []contestant{
	{"plain channels", newChannels},
	{"sparkpipe", newPipe},
}

// drainTime bounds how long a side may take to handle what it has accepted.
const drainTime = 30 * time.Second

// compare is the command: it reads the tree, runs the rounds, and prints.
func compare(ctx context.Context, cfg config, sides []contestant, stdout, stderr io.Writer) error {
	p := progress.New("sparkpipe", stderr)
	if cfg.profile != "" { // better now than after the rounds
		if err := os.MkdirAll(cfg.profile, 0o777); err != nil {
			return fmt.Errorf("-profile: %w", err)
		}
	}
	if cfg.dir == "" {
		p.Say("asking go env GOROOT where the Go source is")
		dir, err := goSource(ctx)
		if err != nil {
			return err
		}
		cfg.dir = dir
	}
	p.Say("reading %s", cfg.dir)
	t, err := readTree(ctx, cfg.dir)
	if err != nil {
		return err
	}
	p.Say("read %s files, %.1f MB, %s distinct words (skipped %d files: larger than 1 MiB, over 128 MiB in all, or not text)",
		commas(len(t.files)), float64(t.bytes)/1e6, commas(len(t.truth.words)), t.skipped)
	p.Say("running plain channels and sparkpipe in turn, rounds: %d, clients: %d", cfg.rounds, cfg.clients)

	r := &result{cfg: cfg, tree: t}
	p.Start(cfg.rounds * len(sides) * steps)
	defer p.Stop()
	for round := 0; round < cfg.rounds; round++ {
		for k := range sides {
			k = (k + round + 1) % len(sides) // who begins takes turns
			label := fmt.Sprintf("round %d of %d, %s", round+1, cfg.rounds, sides[k].name)
			p.Round(label)
			samples, o, err := once(ctx, cfg, t, sides[k], p.Step)
			if err != nil {
				p.Stop()
				return fmt.Errorf("%s: %w", label, err)
			}
			if err := r.add(k, samples, o); err != nil {
				p.Stop()
				return fmt.Errorf("%s: %w", label, err)
			}
		}
	}
	p.Stop()
	if err := r.print(stdout); err != nil {
		return fmt.Errorf("printing the result: %w", err)
	}
	if cfg.profile != "" {
		p.Say("running sparkpipe once more, to write profiles to %s", cfg.profile)
		return profile(ctx, cfg, t, sides[len(sides)-1])
	}
	return nil
}

// steps is how often once calls step.
const steps = 4

// once runs the workload through a new side, and drains it in any case.
func once(ctx context.Context, cfg config, t *tree, c contestant, step func(string)) ([]sample, outcome, error) {
	s, err := c.make(cfg)
	if err != nil {
		return nil, outcome{}, err
	}
	j := &job{cfg: cfg, tree: t, side: s, step: step}
	samples, failed := j.phases(ctx)

	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	x, err := s.shutdown(drain)
	if err != nil {
		return nil, outcome{}, fmt.Errorf("the drain failed: %v (after: %v)", err, failed)
	}
	if failed != nil {
		if sent := j.sent.Load(); sent != x.files {
			return nil, outcome{}, fmt.Errorf("%d commands were accepted, and %d handled (after: %v)", sent, x.files, failed)
		}
		return nil, outcome{}, fmt.Errorf("%w; drained: %s commands were accepted, and all were handled", failed, commas(int(x.files)))
	}
	for i := range samples {
		if samples[i].kind == kindCount {
			samples[i].latency = x.lag
		}
	}
	o, err := j.outcome(x)
	return samples, o, err
}

// profile runs the workload once more and profiles it. What is measured then is
// thrown away, as profiling costs time.
func profile(ctx context.Context, cfg config, t *tree, c contestant) error {
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	captured := make(chan error, 1)
	go func() { captured <- pprof.Capture(during, cfg.profile, time.Hour) }()
	_, _, err := once(ctx, cfg, t, c, func(string) {})
	cancel()                                              // Capture writes what it has, and returns this
	if failed := <-captured; failed != context.Canceled { // more than that is wrapped
		err = errors.Join(err, fmt.Errorf("profiling: %w", failed))
	}
	return err
}
