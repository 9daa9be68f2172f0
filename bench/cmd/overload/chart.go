package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// colors are those of the contestants. Ours are cold, channels are warm.
var colors = map[string]color.NRGBA{
	"channel": {0xc2, 0x45, 0x2d, 255}, "channel-ctx": {0xe0, 0x8e, 0x0b, 255}, "channel-reject": {0x8a, 0x6d, 0x3b, 255},
	"channel-reject-32": {0xd8, 0x6f, 0x9a, 255},
	"sparkpipe":         {0x7a, 0x4f, 0xbf, 255}, "sparkpipe-oldest": {0x17, 0xa2, 0xb8, 255}, "sparkpipe-shed": {0x1f, 0x5f, 0xbf, 255},
}

const width, height = 760, 330

// chart draws goodput and latency, by load, side by side.
func (r *results) chart() ([]byte, error) {
	good, err := r.panel("goodput, share of the capacity", "good/capacity", 1, false)
	if err != nil {
		return nil, err
	}
	good.Y.Min, good.Y.Max = 0, 1.1
	good.Legend.YOffs = height / 4 // where no line is: between those that hold and those that collapse
	p99, err := r.panel("99th percentile of answers, ms", "p99-us", 1e-3, true)
	if err != nil {
		return nil, err
	}
	p99.Legend = plot.NewLegend()
	p99.Y.Min, p99.Y.Max = min(p99.Y.Min, 1), max(p99.Y.Max, 100)
	var ticks []plot.Tick
	for e := -3; e <= 6; e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, float64(e)); v >= p99.Y.Min && v <= p99.Y.Max {
				ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 3, 64)})
			}
		}
	}
	p99.Y.Tick.Marker = plot.ConstantTicks(ticks)
	canvas := vgsvg.New(width, height)
	whole := draw.New(canvas)
	good.Draw(draw.Crop(whole, 0, -width/2-5, 0, 0))
	p99.Draw(draw.Crop(whole, width/2+5, 0, 0, 0))
	var b bytes.Buffer
	_, err = canvas.WriteTo(&b)
	return b.Bytes(), err
}

// points are what plotter draws: medians with whiskers to the extremes.
type points struct {
	plotter.XYs
	plotter.YErrors
}

// panel draws one unit, times scale.
func (r *results) panel(title, unit string, scale float64, logarithmic bool) (*plot.Plot, error) {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: 9}
	p := plot.New()
	p.Title.Text, p.Title.TextStyle.Font = title, sans
	p.X.Label.Text, p.X.Label.TextStyle.Font = "offered load, multiples of the capacity", sans
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font, p.Legend.TextStyle.Font = sans, sans, sans
	if logarithmic {
		p.Y.Scale = plot.LogScale{}
	}
	var ticks []plot.Tick
	for _, load := range r.loads {
		x, err := strconv.ParseFloat(load, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: load %q", r.name, load)
		}
		ticks = append(ticks, plot.Tick{Value: x, Label: load})
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	p.Add(grid)
	for _, impl := range r.impls {
		var ps points
		for i, load := range r.loads {
			v, ok := r.spread(load, impl, unit)
			if !ok || logarithmic && v.median <= 0 { // nothing was answered
				continue
			}
			if logarithmic && v.least <= 0 {
				v.least = v.median // the axis has no 0
			}
			ps.XYs = append(ps.XYs, plotter.XY{X: ticks[i].Value, Y: v.median * scale})
			ps.YErrors = append(ps.YErrors, struct{ Low, High float64 }{(v.median - v.least) * scale, (v.most - v.median) * scale})
		}
		if len(ps.XYs) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(ps.XYs)
		if err != nil {
			return nil, err
		}
		if r.rounds > 1 {
			bars, err := plotter.NewYErrorBars(ps)
			if err != nil {
				return nil, err
			}
			bars.Color = colors[impl]
			p.Add(bars)
		}
		line.Color, line.Width = colors[impl], vg.Points(1.5)
		dots.GlyphStyle = draw.GlyphStyle{Color: colors[impl], Radius: 2.5, Shape: draw.CircleGlyph{}}
		p.Add(line, dots)
		p.Legend.Add(impl, line, dots)
	}
	return p, nil
}
