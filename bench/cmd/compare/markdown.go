package main

import (
	"bytes"
	"fmt"
	"strings"
)

// renderMarkdown returns BENCHMARKS.md.
func renderMarkdown(own *results, beside []*results, page string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench-report` from [%s](%s); do not edit. [%s](%s) has charts.\n\n", own.name, own.name, page, page)
	writeFacts(&b, own)
	fmt.Fprintf(&b, "\n%s\n\n", reading)
	for _, c := range contestants {
		fmt.Fprintf(&b, "- %s: %s\n", c[0], c[1])
	}
	fmt.Fprintf(&b, "\n## Rows we lose\n\n%s\n\n", losing)
	writeLosses(&b, own.lists())
	for _, x := range own.benches {
		writeBenchmark(&b, "##", x)
	}
	for _, f := range beside {
		fmt.Fprintf(&b, "\n## %s\n\nFrom [%s](%s).\n\n", f.heading(), f.name, f.name)
		writeFacts(&b, f)
		b.WriteString("\n### Rows we lose\n\n")
		writeLosses(&b, f.lists())
		for _, x := range f.benches {
			writeBenchmark(&b, "###", x)
		}
	}
	return b.Bytes()
}

// heading is what stands above a file that is not the main one.
func (f *results) heading() string {
	name := strings.TrimSuffix(f.name[strings.LastIndex(f.name, "/")+1:], ".txt")
	if machine, ok := strings.CutPrefix(name, "machine-"); ok {
		return "On another machine: " + machine
	}
	return "Third-party rivals: " + strings.TrimPrefix(name, "rivals-")
}

func writeFacts(b *bytes.Buffer, f *results) {
	for _, s := range f.facts() {
		key, value, found := strings.Cut(s, ": ")
		if found && key == "command" {
			s = key + ": `" + value + "`"
		}
		fmt.Fprintf(b, "- %s\n", s)
	}
}

func writeLosses(b *bytes.Buffer, lists []lossTable) {
	for i, kind := range lists {
		if i > 0 {
			b.WriteString("\n")
		}
		if len(kind.losses) == 0 {
			fmt.Fprintf(b, "%s: none.\n", kind.Title)
			continue
		}
		fmt.Fprintf(b, "%s:\n\n| benchmark | row | measured | who | than | |\n| --- | --- | --- | --- | --- | --- |\n", kind.Title)
		for _, l := range kind.losses {
			title, _ := describe(l.bench)
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", title, l.shape, l.unit, l.impl, l.than, l.ratioText())
		}
	}
}

func writeBenchmark(b *bytes.Buffer, heading string, x *benchmark) {
	title, text := describe(x.name)
	fmt.Fprintf(b, "\n%s %s\n", heading, title)
	if text != "" {
		fmt.Fprintf(b, "\n%s\n", text)
	}
	for _, t := range x.tables() {
		fmt.Fprintf(b, "\n%s:\n\n| | %s |\n| --- |%s\n", upper(t.title()), strings.Join(t.impls, " | "), strings.Repeat(" --- |", len(t.impls)))
		for _, r := range t.rows {
			fmt.Fprintf(b, "| %s |", r.shape)
			for _, c := range r.cells {
				s := c.text(t.unit)
				if c.against {
					s += "<br>" + c.ratioText()
				}
				if c.lost {
					s = "**lost** " + s
				}
				fmt.Fprintf(b, " %s |", s)
			}
			b.WriteString("\n")
		}
	}
	if a := x.allocations(); a != "" {
		fmt.Fprintf(b, "\nAllocations an op, in the row with the most: %s.\n", a)
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
