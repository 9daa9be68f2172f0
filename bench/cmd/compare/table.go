package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// table is the rows of a benchmark that have the same unit and contestants.
type table struct {
	unit   unit
	common string // what all shapes share: "ctx=cancel"
	impls  []string
	base   string // what the others are compared with
	rows   []tableRow
}

type tableRow struct {
	*row
	shape string // the rest: "clients=8"
	cells []cell // as table.impls
}

// cell is what one contestant did with one shape.
type cell struct {
	impl    string
	value   stat
	ratio   stat // how many times better than the base, value by value
	against bool // ratio is set
	lost    bool // it is ours, and worse than the base
}

// stat is the median and the extremes of some values.
type stat struct{ median, min, max float64 }

func statOf(vs []float64) stat {
	s := slices.DeleteFunc(slices.Clone(vs), math.IsNaN)
	slices.Sort(s)
	n := len(s)
	if n == 0 {
		return stat{math.NaN(), math.NaN(), math.NaN()}
	}
	return stat{median: (s[(n-1)/2] + s[n/2]) / 2, min: s[0], max: s[n-1]}
}

// spread is how far the farthest value is from the median, as a share of it.
func (s stat) spread() float64 {
	if s.median == 0 {
		return 0
	}
	return max(s.max-s.median, s.median-s.min) / s.median
}

// unit says how to show the values of one.
type unit struct {
	name   string // as in the files
	title  string
	better int // -1: less, 1: more, 0: not compared with the base
	format func(float64) string
}

var units = []unit{
	{"sec/op", "time an op", -1, seconds},
	{"p50-sec", "p50, half took less", -1, seconds},
	{"p99-sec", "p99, one in 100 took longer", -1, seconds},
	{"p99.9-sec", "p99.9, one in 1000 took longer", -1, seconds},
	{"cpu-sec/op", "processor time an op", -1, seconds},
	{"late-p99-sec", "how late requests began, p99", 0, seconds},
	{"jain", "Jain's index, 1 is even", 1, plain},
	{"fewest/mean", "fewest turns, as a share of the mean", 1, plain},
	{"cpu-%", "per cent of a processor", 0, plain},
}

// bases are the contestants to compare with, the first that a row has.
var bases = []string{"idiom", "idiom-ctx", "idiom-timer", "chan", "mutex"}

// ours reports whether a contestant is a part of sparkpipe.
func ours(impl string) bool {
	name, _, _ := strings.Cut(impl, "-")
	return name == "sparkpipe" || name == "ring" || name == "pool"
}

// tables returns the tables of a benchmark, those of one unit together.
func (b *benchmark) tables() (ts []*table) {
	for _, u := range units {
		for _, w := range b.rows {
			if w.unit != u.name || len(w.impls) < 2 {
				continue
			}
			i := slices.IndexFunc(ts, func(t *table) bool { return t.unit.name == u.name && slices.Equal(t.impls, w.impls) })
			if i < 0 {
				i = len(ts)
				ts = append(ts, &table{unit: u, impls: w.impls, base: baseOf(w.impls)})
			}
			ts[i].rows = append(ts[i].rows, w.compare(u, ts[i].base))
		}
	}
	for _, t := range ts {
		t.share()
	}
	return ts
}

func baseOf(impls []string) string {
	for _, b := range bases {
		if slices.Contains(impls, b) {
			return b
		}
	}
	for _, i := range impls {
		if !ours(i) {
			return i
		}
	}
	return impls[0]
}

func (w *row) compare(u unit, base string) tableRow {
	r := tableRow{row: w, shape: strings.Join(w.shape, " ")}
	for _, impl := range w.impls {
		r.cells = append(r.cells, w.cell(u, base, impl))
	}
	return r
}

// cell compares impl with base, which is another contestant or the same.
func (w *row) cell(u unit, base, impl string) cell {
	c := cell{impl: impl, value: statOf(w.values[impl])}
	if rs := ratios(w.values[base], w.values[impl], u.better); impl != base && len(rs) > 0 {
		c.ratio, c.against = statOf(rs), true
		c.lost = ours(impl) && c.ratio.median < 1
	}
	return c
}

// ratios returns how many times better each value is than that of the base in
// the same round. Rounds in which that cannot be told are left out.
func ratios(base, other []float64, better int) (rs []float64) {
	for i := 0; i < min(len(base), len(other)) && better != 0; i++ {
		r := base[i] / other[i]
		if better > 0 {
			r = 1 / r
		}
		if r >= 0 && !math.IsInf(r, 0) { // and so not NaN
			rs = append(rs, r)
		}
	}
	return rs
}

// share moves what the shapes of all rows have in common to the table.
func (t *table) share() {
	if len(t.rows) < 2 {
		return
	}
	var common []string
	for _, part := range strings.Fields(t.rows[0].shape) {
		if !slices.ContainsFunc(t.rows, func(r tableRow) bool { return !slices.Contains(strings.Fields(r.shape), part) }) {
			common = append(common, part)
		}
	}
	t.common = strings.Join(common, " ")
	for i := range t.rows {
		rest := slices.DeleteFunc(strings.Fields(t.rows[i].shape), func(part string) bool { return slices.Contains(common, part) })
		t.rows[i].shape = strings.Join(rest, " ")
	}
}

// title says what the table is about, under the heading of its benchmark.
func (t *table) title() string {
	s := t.unit.title
	if t.common != "" {
		s += "; " + t.common
	}
	if t.unit.better != 0 {
		s += "; compared with " + t.base
	}
	return s
}

// allocations says how often each contestant of a benchmark allocates, in the
// row in which it does so most.
func (b *benchmark) allocations() string {
	var impls []string
	most := map[string]map[string]float64{} // by unit, by contestant
	for _, w := range b.rows {
		if w.unit != "allocs/op" && w.unit != "B/op" {
			continue
		}
		if most[w.unit] == nil {
			most[w.unit] = map[string]float64{}
		}
		for _, impl := range w.impls {
			if !slices.Contains(impls, impl) {
				impls = append(impls, impl)
			}
			most[w.unit][impl] = max(most[w.unit][impl], statOf(w.values[impl]).median)
		}
	}
	var s []string
	for _, impl := range impls {
		s = append(s, fmt.Sprintf("%s %.0f (%.0f B)", impl, most["allocs/op"][impl], most["B/op"][impl]))
	}
	return strings.Join(s, ", ")
}
