package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// print shows the ratios to people at a terminal.
func (f *results) print(out io.Writer) error {
	for _, b := range f.benches {
		for _, t := range b.tables() {
			fmt.Fprintf(out, "\n%s: %s\n", b.name, t.title())
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "\t%s", t.base)
			for _, impl := range t.impls {
				if impl != t.base {
					fmt.Fprintf(w, "\t%s", impl)
				}
			}
			fmt.Fprintln(w)
			for _, r := range t.rows {
				fmt.Fprint(w, r.shape)
				for _, c := range r.cells {
					if c.impl == t.base {
						fmt.Fprintf(w, "\t%s", t.unit.format(c.value.median))
					}
				}
				for _, c := range r.cells {
					switch {
					case c.impl == t.base:
					case !c.against:
						fmt.Fprintf(w, "\t%s", t.unit.format(c.value.median))
					case c.lost:
						fmt.Fprintf(w, "\t%s LOST", c.ratioText())
					default:
						fmt.Fprintf(w, "\t%s", c.ratioText())
					}
				}
				fmt.Fprintln(w)
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if a := b.allocations(); a != "" {
			fmt.Fprintf(out, "allocations an op, at most: %s\n", a)
		}
	}
	lost := f.losses().kinds()
	_, err := fmt.Fprintf(out, "\nrounds: %d; ratios are medians, with the extremes; above 1 is better than the first column; rows lost: %d in every round, %d in the median only\n",
		f.rounds(), len(lost[0].losses), len(lost[1].losses))
	return err
}
