package main

import (
	"errors"
	"math"
	"slices"
)

// The kinds of messages in the result.
const (
	kindLookUp = "look-up"
	kindPaced  = "look-up, paced"
	kindCount  = "count"
	kindDigest = "digest"
)

var kinds = []string{kindLookUp, kindPaced, kindCount, kindDigest}

// metric is a row of the table for each kind.
type metric struct {
	name   string
	unit   string // of value's result
	higher bool   // is better
	paced  bool   // means something when the rate is given
	value  func(sample) float64
}

var metrics = []metric{
	{"throughput", "messages/s", true, false, func(s sample) float64 { return float64(s.n) / s.wall.Seconds() }},
	{"p50", "ns", false, true, func(s sample) float64 { return float64(s.latency.ValueAtQuantile(50)) }},
	{"p99", "ns", false, true, func(s sample) float64 { return float64(s.latency.ValueAtQuantile(99)) }},
	{"p99.9", "ns", false, true, func(s sample) float64 { return float64(s.latency.ValueAtQuantile(99.9)) }},
	{"allocs/message", "allocations", false, false, allocs},
	{"CPU/message", "ns", false, true, func(s sample) float64 { return float64(s.cpu) / float64(s.n) }},
}

// allocs is rounded: the runtime allocates a little for itself.
func allocs(s sample) float64 { return math.Round(100*float64(s.mallocs)/float64(s.n)) / 100 }

// result collects what the rounds brought.
type result struct {
	cfg      config
	tree     *tree
	samples  [2][]sample // of all rounds, for each contestant
	outcomes [2]*outcome // the first of each contestant
}

// add takes the result of one run, and fails if it is not what the others and
// the plain loop over the files came to.
func (r *result) add(contestant int, samples []sample, o outcome) error {
	want := outcome{ // the loop has no digests
		Words: len(r.tree.truth.words), Index: r.tree.sum, LookUps: r.tree.lookUps,
		Digests: o.Digests, Gzip: o.Gzip,
	}
	who := contestants[contestant].name
	if err := differ(who, o, "a plain loop", want); err != nil {
		return err
	}
	for c, other := range r.outcomes {
		if other == nil {
			continue
		}
		than := contestants[c].name
		if c == contestant {
			than += " before"
		}
		if err := differ(who, o, than, *other); err != nil {
			return err
		}
	}
	r.samples[contestant] = append(r.samples[contestant], samples...)
	if r.outcomes[contestant] == nil {
		r.outcomes[contestant] = &o
	}
	return nil
}

// Who wins a row: whose median is better. Neither does if the medians are the
// same or within 2 % of each other.
const (
	winChannels = "channels"
	winPipe     = "sparkpipe"
	winNeither  = "neither"
)

const even = 0.02

// row is a kind and a metric, for both sides.
type row struct {
	Kind     string    `json:"kind"`
	Metric   string    `json:"metric"`
	Unit     string    `json:"unit"`
	Better   string    `json:"better"` // "higher" or "lower"
	Channels float64   `json:"channels"`
	Pipe     float64   `json:"sparkpipe"`
	Ratio    *float64  `json:"ratio"`     // how many times better sparkpipe is; null if one of them is 0
	Least    *float64  `json:"ratio_min"` // of the rounds
	Greatest *float64  `json:"ratio_max"`
	Wins     string    `json:"wins"`
	Won      int       `json:"rounds_won"` // in how many rounds the same side won
	Rounds   [2]series `json:"rounds"`     // channels, sparkpipe
}

// series is the values of all rounds.
type series []float64

// rows makes the table. It needs at least one round.
func (r *result) rows() ([]row, error) {
	var rows []row
	for _, kind := range kinds {
		for _, m := range metrics {
			if kind == kindPaced && !m.paced {
				continue
			}
			w := row{Kind: kind, Metric: m.name, Unit: m.unit, Better: "lower"}
			if m.higher {
				w.Better = "higher"
			}
			for side, samples := range r.samples {
				for _, s := range samples {
					if s.kind == kind {
						if s.n == 0 {
							return nil, errors.New("no message of kind " + kind + " was measured")
						}
						w.Rounds[side] = append(w.Rounds[side], m.value(s))
					}
				}
			}
			w.judge()
			rows = append(rows, w)
		}
	}
	return rows, nil
}

// judge fills in what follows from the rounds.
func (w *row) judge() {
	w.Channels, w.Pipe = median(w.Rounds[0]), median(w.Rounds[1])
	w.Wins = w.winner(w.Channels, w.Pipe)
	for i := range w.Rounds[0] {
		channels, pipe := w.Rounds[0][i], w.Rounds[1][i]
		if w.winner(channels, pipe) == w.Wins {
			w.Won++
		}
		if b := w.better(channels, pipe); b != nil {
			if w.Least == nil || *b < *w.Least {
				w.Least = b
			}
			if w.Greatest == nil || *b > *w.Greatest {
				w.Greatest = b
			}
		}
	}
	w.Ratio = w.better(w.Channels, w.Pipe)
}

// winner says which of two values is better.
func (w *row) winner(channels, pipe float64) string {
	if w.Better == "lower" {
		channels, pipe = pipe, channels // now the greater is better
	}
	switch {
	case pipe > channels*(1+even):
		return winPipe
	case channels > pipe*(1+even):
		return winChannels
	default:
		return winNeither
	}
}

// better says how many times better sparkpipe's value is, nil if one is 0.
func (w *row) better(channels, pipe float64) *float64 {
	if channels == 0 || pipe == 0 {
		return nil
	}
	b := channels / pipe
	if w.Better == "higher" {
		b = pipe / channels
	}
	return &b
}

// cpus returns how many CPUs the process used while it digested files, which
// keeps all workers busy. It is 0 if that took too little time to tell.
func (r *result) cpus() float64 {
	var cpu, wall float64
	for _, samples := range r.samples {
		for _, s := range samples {
			if s.kind == kindDigest {
				cpu += s.cpu.Seconds()
				wall += s.wall.Seconds()
			}
		}
	}
	if wall < 0.25 {
		return 0
	}
	return cpu / wall
}

func median(s series) float64 {
	s = slices.Clone(s)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
