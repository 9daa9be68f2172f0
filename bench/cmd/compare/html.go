package main

import (
	"bytes"
	_ "embed"
	"html/template"
)

//go:embed report.html.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"color": func(impl string, i int) template.CSS { return template.CSS(colorOf(impl, i)) },
	"upper": upper,
}).Parse(page))

// section is what the page shows of one file.
type section struct {
	*results
	Title   string
	Facts   []string
	Lost    []pageLosses
	Benches []pageBench
}

type pageLosses struct {
	Title string
	Rows  []pageLoss
}

type pageLoss struct{ Title, Shape, Unit, Impl, Than, Ratio string }

type pageBench struct {
	Title, Text, Allocations string
	Charts                   []pageChart
	Tables                   []pageTable
}

type pageChart struct {
	Title string
	Impls []string
	SVG   template.HTML
}

type pageTable struct {
	Title string
	Impls []string
	Rows  []pageRow
}

type pageRow struct {
	Shape string
	Cells []pageCell
}

type pageCell struct {
	Value, Ratio string
	Lost         bool
}

// renderHTML returns the page, which needs nothing but itself.
func renderHTML(own *results, beside []*results) ([]byte, error) {
	var sections []section
	for i, f := range append([]*results{own}, beside...) {
		s := section{results: f, Title: "Beside plain channels", Facts: f.facts()}
		if i > 0 {
			s.Title = f.heading()
		}
		for _, kind := range f.lists() {
			lost := pageLosses{Title: kind.Title}
			for _, l := range kind.losses {
				title, _ := describe(l.bench)
				lost.Rows = append(lost.Rows, pageLoss{title, l.shape, l.unit, l.impl, l.than, l.ratioText()})
			}
			s.Lost = append(s.Lost, lost)
		}
		for _, b := range f.benches {
			pb, err := b.page()
			if err != nil {
				return nil, err
			}
			s.Benches = append(s.Benches, pb)
		}
		sections = append(sections, s)
	}
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, map[string]any{"Reading": reading, "Losing": losing, "Contestants": contestants, "Sections": sections})
	return out.Bytes(), err
}

func (b *benchmark) page() (pageBench, error) {
	p := pageBench{Allocations: b.allocations()}
	p.Title, p.Text = describe(b.name)
	for _, c := range b.charts() {
		svg, err := c.svg()
		if err != nil {
			return p, err
		}
		p.Charts = append(p.Charts, pageChart{c.title, c.impls, template.HTML(svg)})
	}
	for _, t := range b.tables() {
		pt := pageTable{Title: t.title(), Impls: t.impls}
		for _, r := range t.rows {
			pr := pageRow{Shape: r.shape}
			for _, c := range r.cells {
				pr.Cells = append(pr.Cells, pageCell{c.text(t.unit), c.ratioText(), c.lost})
			}
			pt.Rows = append(pt.Rows, pr)
		}
		p.Tables = append(p.Tables, pt)
	}
	return p, nil
}
