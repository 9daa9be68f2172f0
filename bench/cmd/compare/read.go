package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// results is what one file tells.
type results struct {
	name    string
	config  []setting    // in order of appearance
	benches []*benchmark // likewise
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
	// values are what each contestant was measured with, a value a round. The
	// rounds are interleaved, so that values with the same index belong together.
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
		return nil, fmt.Errorf("%s: no benchmark results", name)
	}
	return f, nil
}

func (f *results) add(r *benchfmt.Result) {
	for _, c := range r.Config {
		f.set(c.Key, string(c.Value))
	}
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
		w := b.row(shape, v.Unit)
		if w.values[impl] == nil {
			w.impls = append(w.impls, impl)
		}
		w.values[impl] = append(w.values[impl], v.Value)
	}
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

// rounds returns how many values the contestants have: the most of any.
func (f *results) rounds() (n int) {
	for _, b := range f.benches {
		for _, w := range b.rows {
			for _, vs := range w.values {
				n = max(n, len(vs))
			}
		}
	}
	return n
}
