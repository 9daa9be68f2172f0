package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report makes the documents from the files of results.
type report struct{ results, markdown, main string }

// load reads the newest file of our own benchmarks, and those that stand beside it:
// of other machines, machine-*.txt, and of rivals, rivals-*.txt.
func (r *report) load() (own *results, beside []*results, err error) {
	all, err := os.ReadDir(r.results)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	var others []string
	newest := "" // sorted: the last date wins
	for _, file := range all {
		if file.IsDir() || filepath.Ext(file.Name()) != ".txt" {
			continue
		}
		name := filepath.Join(r.results, file.Name())
		switch kind, _, _ := strings.Cut(file.Name(), "-"); kind {
		case "overload": // of another command
		case "machine", "rivals":
			others = append(others, name)
		default:
			newest = name
		}
	}
	if r.main == "" {
		r.main = newest
	}
	if r.main == "" {
		return nil, nil, fmt.Errorf("%s has no results", r.results)
	}
	if own, err = readFile(r.main); err != nil {
		return nil, nil, err
	}
	for _, name := range others {
		f, err := readFile(name)
		if err != nil {
			return nil, nil, err
		}
		beside = append(beside, f)
	}
	return own, beside, nil
}

func readFile(name string) (*results, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f, err := read(in, filepath.ToSlash(name))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(f.benches, func(a, b *benchmark) int { return rank(a.name) - rank(b.name) })
	return f, nil
}

// write writes BENCHMARKS.md and report.html.
func (r *report) write(stderr io.Writer) error {
	own, beside, err := r.load()
	if err != nil {
		return err
	}
	page := filepath.Join(r.results, "report.html")
	html, err := renderHTML(own, beside)
	if err != nil {
		return err
	}
	md := renderMarkdown(own, beside, filepath.ToSlash(page))
	if err := errors.Join(os.WriteFile(r.markdown, md, 0o666), os.WriteFile(page, html, 0o666)); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "compare: wrote %s and %s from %s, and from %d files of other machines and rivals\n", r.markdown, page, r.main, len(beside))
	return nil
}

// facts lists the configuration of a file, as far as it tells something.
func (f *results) facts() (s []string) {
	for _, c := range f.config {
		switch c.key {
		case "round", "foreign-cores", "pkg":
		default:
			s = append(s, c.key+": "+strings.Join(c.values, ", "))
		}
	}
	s = append(s, fmt.Sprintf("rounds: %d, interleaved", f.rounds()))
	if others := f.get("foreign-cores"); len(others) > 0 { // two digits after the point: they sort as text
		s = append(s, "others used at most "+slices.Max(others)+" cores in a round")
	}
	return s
}
