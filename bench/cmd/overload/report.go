package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// results is what a file tells.
type results struct {
	name   string
	facts  []string // key: value
	loads  []string // in order of appearance
	impls  []string
	rounds int // 0: the file does not say
	// values has those of all rounds for each unit of a load and a contestant.
	values map[[2]string]map[string][]float64
}

func readFile(name string) (*results, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return read(in, name)
}

func read(in io.Reader, name string) (*results, error) {
	r := &results{name: name, values: map[[2]string]map[string][]float64{}}
	last := "" // round
	reader := benchfmt.NewReader(in, name)
	for reader.Scan() {
		switch b := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, b
		case *benchfmt.Result:
			if len(r.loads) == 0 {
				for _, c := range b.Config {
					if c.Key != "round" {
						r.facts = append(r.facts, c.Key+": "+string(c.Value))
					}
				}
			}
			if round := b.GetConfig("round"); round != last {
				r.rounds, last = r.rounds+1, round
			}
			var at [2]string
			_, parts := b.Name.Parts()
			for _, p := range parts {
				key, value, _ := strings.Cut(strings.TrimPrefix(string(p), "/"), "=")
				switch key {
				case "load":
					at[0] = value
				case "impl":
					at[1] = value
				}
			}
			if !slices.Contains(r.loads, at[0]) {
				r.loads = append(r.loads, at[0])
			}
			if !slices.Contains(r.impls, at[1]) {
				r.impls = append(r.impls, at[1])
			}
			if r.values[at] == nil {
				r.values[at] = map[string][]float64{}
			}
			for _, v := range b.Values {
				r.values[at][v.Unit] = append(r.values[at][v.Unit], v.Value)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(r.loads) == 0 {
		return nil, fmt.Errorf("%s: no results", name)
	}
	return r, nil
}

// get returns the median of the rounds; ok is false if it was not measured.
func (r *results) get(load, impl, unit string) (median float64, ok bool) {
	s, ok := r.spread(load, impl, unit)
	return s.median, ok
}

// spread is what the rounds say together.
type spread struct{ median, least, most float64 }

func (r *results) spread(load, impl, unit string) (s spread, ok bool) {
	vs := slices.Clone(r.values[[2]string{load, impl}][unit])
	slices.Sort(vs)
	n := len(vs)
	if n == 0 {
		return s, false
	}
	return spread{(vs[(n-1)/2] + vs[n/2]) / 2, vs[0], vs[n-1]}, true
}

// report writes overload.md and overload.svg beside the file of raw results.
func (r *results) report(file string, stdout, stderr io.Writer) error {
	dir := filepath.Dir(file)
	svg, err := r.chart()
	if err != nil {
		return err
	}
	var md bytes.Buffer
	r.markdown(&md, filepath.Base(file))
	page, chart := filepath.Join(dir, "overload.md"), filepath.Join(dir, "overload.svg")
	if err := errors.Join(os.WriteFile(page, md.Bytes(), 0o666), os.WriteFile(chart, svg, 0o666)); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "overload: wrote %s and %s\n", page, chart)
	return r.show(stdout)
}

// show prints the tables in one piece.
func (r *results) show(stdout io.Writer) error {
	var b bytes.Buffer
	r.tables(&b)
	if _, err := stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("printing the tables: %w", err)
	}
	return nil
}

func (r *results) markdown(out io.Writer, raw string) {
	fmt.Fprintf(out, "# Overload\n\nWritten by `make overload-report` from [%s](%s); do not edit.\n\n", raw, raw)
	for _, f := range r.facts {
		fmt.Fprintf(out, "- %s\n", f)
	}
	if r.rounds > 0 {
		fmt.Fprintf(out, "- rounds: %d, which begin with another contestant each; shown is the median (the least to the most)\n", r.rounds)
	}
	fmt.Fprintf(out, "\n%s\n\n", reading)
	for _, c := range contestants {
		if slices.Contains(r.impls, c.name) {
			fmt.Fprintf(out, "- %s: %s.\n", c.name, c.about)
		}
	}
	fmt.Fprintf(out, "\n![goodput, and the 99th percentile of answers, by load](overload.svg)\n")
	r.tables(out)
}

const reading = "Requests come in an open loop at the load that stands at the head of a column, in multiples of the capacity: what 64 clients " +
	"get out of a plain channel or sparkpipe, whichever is more, one request after the other. The load generator shares the cores with the server. " +
	"Latency counts from when a request was due."

// table is one that compares contestants under the loads.
type table struct {
	title, unit string
	text        func(v float64) string
}

func whole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

func millis(us float64) string {
	if us == 0 {
		return "-"
	}
	return strconv.FormatFloat(us/1000, 'f', 2, 64)
}

var allTables = []table{
	{"Goodput: answered within the deadline, as a share of the capacity", "good/capacity", func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }},
	{"Latency of what was answered, 99th percentile, ms", "p99-us", millis},
	{"Latency of what was answered, median, ms", "p50-us", millis},
	{"Refused, requests/s", "refused/s", whole},
	{"How soon they were told, 99th percentile, ms", "refused-p99-us", millis},
	{"Waited for nothing until the deadline, requests/s", "gone/s", whole},
	{"Offered, requests/s", "sent/s", whole},
	{"How late the load generator was, 99th percentile, ms", "lag-p99-us", millis},
}

func (r *results) tables(out io.Writer) {
	for _, t := range allTables {
		fmt.Fprintf(out, "\n%s:\n\n| | %s |\n| --- |%s\n", t.title, strings.Join(r.loads, " | "), strings.Repeat(" --- |", len(r.loads)))
		for _, impl := range r.impls {
			fmt.Fprintf(out, "| %s |", impl)
			for _, load := range r.loads {
				s := "-"
				if v, ok := r.spread(load, impl, t.unit); ok {
					s = t.text(v.median)
					if least, most := t.text(v.least), t.text(v.most); least != most {
						s += " (" + least + " to " + most + ")"
					}
				}
				fmt.Fprintf(out, " %s |", s)
			}
			fmt.Fprintln(out)
		}
	}
}
