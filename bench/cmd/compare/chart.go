package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart shows ratios: a line for each shape of work, on it a point for each
// contestant, and whiskers to the extremes.
type chart struct {
	title string
	impls []string // those that are compared with a base
	lines []chartLine
}

type chartLine struct {
	label string
	cells []cell // as impls
}

func (c *chart) add(label string, cells []cell) {
	compared := slices.DeleteFunc(slices.Clone(cells), func(x cell) bool { return !slices.Contains(c.impls, x.impl) })
	c.lines = append(c.lines, chartLine{label, compared})
}

// charts returns those of a benchmark: one for each table, but tables of one
// row each share one.
func (b *benchmark) charts() (cs []*chart) {
	var single *chart
	for _, t := range b.tables() {
		if t.unit.better == 0 {
			continue
		}
		impls := slices.DeleteFunc(slices.Clone(t.impls), func(impl string) bool { return impl == t.base })
		if len(t.rows) > 1 {
			c := &chart{title: t.title(), impls: impls}
			for _, r := range t.rows {
				c.add(r.shape, r.cells)
			}
			cs = append(cs, c)
			continue
		}
		if single == nil || !slices.Equal(single.impls, impls) {
			single = &chart{title: strings.TrimSpace(t.rows[0].shape + " compared with " + t.base), impls: impls}
			cs = append(cs, single)
		}
		single.add(t.unit.title, t.rows[0].cells)
	}
	return cs
}

// colors are those of the contestants. Ours are cold, the idioms are warm.
var colors = map[string]string{
	"sparkpipe": "#1f5fbf", "sparkpipe-always": "#17a2b8", "sparkpipe-never": "#7a4fbf",
	"ring": "#1f5fbf", "ring-batch": "#17a2b8", "pool": "#1f5fbf",
	"mutex": "#555555", "idiom-pooled": "#e08e0b", "idiom-ctx": "#c2452d", "idiom-ctx-pooled": "#e08e0b",
	"idiom-timeout": "#e08e0b", "idiom-serial": "#8a6d3b", "ants": "#c2452d",
}

var otherColors = []string{"#c2452d", "#e08e0b", "#8a6d3b", "#5a8f29", "#a83279", "#2f4f4f", "#888888"}

// colorOf returns the color of a contestant, the i-th of its chart.
func colorOf(impl string, i int) string {
	if c, ok := colors[impl]; ok {
		return c
	}
	return otherColors[i%len(otherColors)]
}

func rgb(hex string, alpha uint8) color.Color {
	var c color.NRGBA
	fmt.Sscanf(hex, "#%02x%02x%02x", &c.R, &c.G, &c.B)
	c.A = alpha
	return c
}

// span returns the ratios at the ends of the axis: all there are, but 0, and 1.
func (c *chart) span() (lo, hi float64) {
	lo, hi = 0.8, 1.25
	for _, l := range c.lines {
		for _, x := range l.cells {
			if x.against {
				hi = max(hi, x.ratio.max)
				for _, r := range []float64{x.ratio.min, x.ratio.median} {
					if r > 0 {
						lo = min(lo, r)
					}
				}
			}
		}
	}
	return lo / 1.1, hi * 1.1
}

// points are what plotter draws: ratios with whiskers.
type points struct {
	plotter.XYs
	plotter.XErrors
}

// svg draws the chart.
func (c *chart) svg() ([]byte, error) {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(ratioTicks)
	p.X.Min, p.X.Max = c.span()
	p.Y.Min, p.Y.Max = -0.5, float64(len(c.lines))-0.5
	p.Y.Padding, p.X.Padding = 0, 0
	var labels []plot.Tick
	for i, l := range c.lines {
		labels = append(labels, plot.Tick{Value: c.height(i), Label: l.label})
	}
	p.Y.Tick.Marker = plot.ConstantTicks(labels)
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Label.Font = sans
		a.Tick.Label.Font.Size = 9
	}
	worse, err := plotter.NewPolygon(plotter.XYs{{X: p.X.Min, Y: p.Y.Min}, {X: 1, Y: p.Y.Min}, {X: 1, Y: p.Y.Max}, {X: p.X.Min, Y: p.Y.Max}})
	if err != nil {
		return nil, err
	}
	worse.Color, worse.LineStyle.Width = rgb("#c2452d", 20), 0
	grid := plotter.NewGrid()
	grid.Horizontal.Width, grid.Vertical.Color = 0, rgb("#000000", 60)
	even, err := plotter.NewLine(plotter.XYs{{X: 1, Y: p.Y.Min}, {X: 1, Y: p.Y.Max}})
	if err != nil {
		return nil, err
	}
	even.Color, even.Width = rgb("#333333", 255), 1
	p.Add(worse, grid, even)
	for i := 1; i < len(c.lines); i++ {
		between, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: float64(i) - 0.5}, {X: p.X.Max, Y: float64(i) - 0.5}})
		if err != nil {
			return nil, err
		}
		between.Color, between.Width = rgb("#000000", 60), 0.5
		p.Add(between)
	}
	for k, impl := range c.impls {
		if err := c.series(p, k, rgb(colorOf(impl, k), 255)); err != nil {
			return nil, err
		}
	}
	height := vg.Length(40 + len(c.lines)*max(18, 7*len(c.impls)+5))
	canvas := vgsvg.New(vg.Length(680), height)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	return inline(b.Bytes()), nil
}

// height returns where a line stands: the first on top.
func (c *chart) height(i int) float64 { return float64(len(c.lines) - 1 - i) }

// series adds the points of the k-th contestant.
func (c *chart) series(p *plot.Plot, k int, col color.Color) error {
	var ps points
	step := 0.9 / float64(len(c.impls)+1)
	for i, l := range c.lines {
		x := l.cells[k]
		if !x.against {
			continue
		}
		at := func(r float64) float64 { return max(r, p.X.Min) } // the axis has no 0
		median := at(x.ratio.median)
		ps.XYs = append(ps.XYs, plotter.XY{X: median, Y: c.height(i) + 0.45 - step*float64(k+1)})
		ps.XErrors = append(ps.XErrors, struct{ Low, High float64 }{median - at(x.ratio.min), at(x.ratio.max) - median})
	}
	if len(ps.XYs) == 0 {
		return nil
	}
	bars, err := plotter.NewXErrorBars(ps)
	if err != nil {
		return err
	}
	bars.Color, bars.CapWidth = col, 4
	dots, err := plotter.NewScatter(ps.XYs)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: col, Radius: 2.8, Shape: draw.CircleGlyph{}}
	p.Add(bars, dots)
	return nil
}

// ratioTicks marks 1, 2 and 5 of each power of ten, or 1 if they are many.
func ratioTicks(lo, hi float64) (ts []plot.Tick) {
	marks := []float64{1, 2, 5}
	if hi > 1000*lo {
		marks = marks[:1]
	}
	for e := -6; e <= 9; e++ {
		for _, m := range marks {
			if v := m * math.Pow(10, float64(e)); v >= lo && v <= hi {
				ts = append(ts, plot.Tick{Value: v, Label: fmt.Sprintf("%gx", math.Round(v*1e6)/1e6)})
			}
		}
	}
	return ts
}

var outside = regexp.MustCompile(`(?s)^.*?<svg|\s+xmlns(:\w+)?="[^"]*"`)

// inline makes an SVG file a part of an HTML page: without its head, and
// without the names of its namespaces, which HTML knows.
func inline(svg []byte) []byte {
	return outside.ReplaceAllFunc(svg, func(m []byte) []byte {
		if bytes.HasSuffix(m, []byte("<svg")) {
			return []byte("<svg")
		}
		return nil
	})
}
