package main

import (
	"errors"
	"fmt"
	"slices"
)

// checked is the contestant that -check is about.
const checked = "sparkpipe-shed"

var errNotChecked = errors.New("-check needs " + checked + " at the loads 0.9, 2 and 4")

// checkable reports whether what is to be measured will do for check.
func (p *plan) checkable() bool {
	for _, load := range []float64{0.9, 2, 4} {
		if !slices.Contains(p.loads, load) {
			return false
		}
	}
	return slices.ContainsFunc(p.sides, func(c contestant) bool { return c.name == checked })
}

// check says whether sparkpipe-shed keeps what it is for: at 2 and 4 times the
// capacity a goodput of at least 0.9 of it, and a 99th percentile of at most 3
// times that at 0.9.
func (r *results) check() error {
	calm, ok := r.get("0.9", checked, "p99-us")
	if !ok {
		return errNotChecked
	}
	var errs []error
	for _, load := range []string{"2", "4"} {
		good, ok := r.get(load, checked, "good/capacity")
		p99, _ := r.get(load, checked, "p99-us")
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("-check needs the load %s", load))
		case good < 0.9:
			errs = append(errs, fmt.Errorf("goodput at %s times the capacity is %.2f of it, and not 0.9", load, good))
		}
		if p99 > 3*calm {
			errs = append(errs, fmt.Errorf("the 99th percentile at %s times the capacity is %.0f µs, more than 3 times the %.0f µs at 0.9", load, p99, calm))
		}
	}
	return errors.Join(errs...)
}
