package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// results is what one file tells.
type results struct {
	name    string
	config  []setting    // in order of appearance
	benches []*benchmark // likewise

	round string          // what the file calls the one that is being read
	begun int             // rounds, with that one
	seen  map[string]bool // the names in it
}

// setting is a configuration line: what was measured under it.
type setting struct {
	key    string
	values []string // each once, in order of appearance
}

// benchmark is a BenchmarkX function.
type benchmark struct {
	name string
	rows []*row
}

// row is what is compared: one shape of work, and one unit.
type row struct {
	shape []string // key=value
	unit  string   // tidy: sec, and not ns
	impls []string // contestants, in order of appearance
	// values are what each contestant was measured with, by round: values with the
	// same index belong together. NaN stands for a round in which it has none.
	values map[string][]float64
}

// read reads a file in the Go benchmark format. Lines that are neither results
// nor configuration are ignored, as the format wants it.
func read(in io.Reader, name string) (*results, error) {
	f := &results{name: name}
	reader := benchfmt.NewReader(in, name)
	for reader.Scan() {
		switch r := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, r
		case *benchfmt.Result:
			f.add(r)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(f.benches) == 0 {
		return nil, fmt.Errorf("%s: no results of benchmarks that compare (with impl= in their names)", name)
	}
	return f, nil
}

func (f *results) add(r *benchfmt.Result) {
	for _, c := range r.Config {
		f.set(c.Key, string(c.Value))
	}
	f.begin(r.GetConfig("round"), string(r.Name))
	base, parts := r.Name.Parts()
	impl := ""
	var shape []string
	for _, p := range parts {
		part := strings.TrimPrefix(string(p), "/")
		switch key, value, _ := strings.Cut(part, "="); {
		case key == "impl":
			impl = value
		case strings.HasPrefix(part, "-"):
			f.set("gomaxprocs", part[1:])
		default:
			shape = append(shape, part)
		}
	}
	if impl == "" {
		return // compares nothing
	}
	b := f.benchmark(string(base))
	for _, v := range r.Values {
		w := b.row(shape, unitOf(v))
		if w.values[impl] == nil {
			w.impls = append(w.impls, impl)
		}
		for len(w.values[impl]) < f.begun-1 {
			w.values[impl] = append(w.values[impl], math.NaN())
		}
		w.values[impl] = append(w.values[impl], v.Value)
	}
}

// unitOf returns the tidy unit of v. The reader keeps that of the file for a value that
// no factor changes, but 0 ns are 0 sec.
func unitOf(v benchfmt.Value) string {
	_, unit := benchunit.Tidy(1, v.Unit)
	return unit
}

// begin begins a round if the result with this name is the first of one. Not all
// files say which round it is, but rounds are interleaved: none has a name twice.
func (f *results) begin(round, name string) {
	if f.begun == 0 || round != f.round || f.seen[name] {
		f.begun++
		f.round, f.seen = round, map[string]bool{}
	}
	f.seen[name] = true
}

func (f *results) set(key, value string) {
	i := slices.IndexFunc(f.config, func(s setting) bool { return s.key == key })
	if i < 0 {
		i = len(f.config)
		f.config = append(f.config, setting{key: key})
	}
	if s := &f.config[i]; !slices.Contains(s.values, value) {
		s.values = append(s.values, value)
	}
}

// get returns the values of a configuration key, none if it does not occur.
func (f *results) get(key string) []string {
	for _, s := range f.config {
		if s.key == key {
			return s.values
		}
	}
	return nil
}

func (f *results) benchmark(name string) *benchmark {
	for _, b := range f.benches {
		if b.name == name {
			return b
		}
	}
	b := &benchmark{name: name}
	f.benches = append(f.benches, b)
	return b
}

func (b *benchmark) row(shape []string, unit string) *row {
	for _, w := range b.rows {
		if w.unit == unit && slices.Equal(w.shape, shape) {
			return w
		}
	}
	w := &row{shape: shape, unit: unit, values: map[string][]float64{}}
	b.rows = append(b.rows, w)
	return w
}

// rounds returns how many there are, whoever is missing in one.
func (f *results) rounds() int { return f.begun }
