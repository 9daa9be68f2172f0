package main

import (
	"fmt"
	"math"
	"strconv"
)

// seconds shows a time with three digits.
func seconds(s float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}} {
		if s >= 0.9995*u.size {
			return digits(s/u.size) + " " + u.name
		}
	}
	return digits(s/1e-9) + " ns"
}

// plain shows a number without a unit, with three digits.
func plain(v float64) string { return digits(v) }

// times shows a ratio.
func times(r float64) string { return digits(r) + "x" }

// digits shows three digits, or all of those before the point.
func digits(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	if math.Abs(v) < 1000 {
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64) // 0.9999 has one digit before the point
	}
	before := int(math.Floor(math.Log10(math.Abs(v)))) + 1
	return strconv.FormatFloat(v, 'f', max(0, min(3, 3-before)), 64)
}

// text shows the median of a cell and its spread.
func (c cell) text(u unit) string {
	return fmt.Sprintf("%s ± %.0f%%", u.format(c.value.median), 100*c.value.spread())
}

// ratioText shows the ratio of a cell and its spread, empty if it has none.
func (c cell) ratioText() string {
	if !c.against {
		return ""
	}
	s := times(c.ratio.median)
	if c.ratio.min != c.ratio.max {
		s += fmt.Sprintf(" (%s to %s)", digits(c.ratio.min), digits(c.ratio.max))
	}
	return s
}
