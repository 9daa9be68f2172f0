package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells people what goes on: a bar on a terminal, lines elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar // nil: none
	label    string
	done     int // steps begun
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// say prints a line.
func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.out, "sparkpipe: "+format+"\n", args...)
}

// start begins the bar.
func (p *progress) start(steps int) {
	if !p.terminal {
		return
	}
	p.bar = progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetWidth(24),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}

// round begins a run of one side.
func (p *progress) round(label string) {
	p.label = label
	if !p.terminal {
		p.say("%s", label)
	}
}

// step begins a part of a run. A bar that cannot be drawn is no reason to stop.
func (p *progress) step(what string) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(fmt.Sprintf("%s: %-32s", p.label, what))
	_ = p.bar.Set(p.done)
	p.done++
}

// stop takes the bar away.
func (p *progress) stop() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
