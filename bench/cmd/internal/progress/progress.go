// Package progress tells people what a command is doing: a bar on a terminal,
// lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress is what a command tells. Use New. It is not to be shared.
type Progress struct {
	name     string
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar // nil: none
	label    string
	done     int // steps begun
}

// New returns a Progress of the command with this name, that tells out.
func New(name string, out io.Writer) *Progress {
	f, ok := out.(*os.File)
	return &Progress{name: name, out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// Say prints a line.
func (p *Progress) Say(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear() // the next step draws it again, below the line
	}
	fmt.Fprintf(p.out, p.name+": "+format+"\n", args...)
}

// Start begins the bar.
func (p *Progress) Start(steps int) {
	if !p.terminal {
		return
	}
	p.done = 0
	p.bar = progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetWidth(24),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
}

// Round begins a part of several steps.
func (p *Progress) Round(label string) {
	p.label = label
	if !p.terminal {
		p.Say("%s", label)
	}
}

// Step begins a step. A bar that cannot be drawn is no reason to stop.
func (p *Progress) Step(what string) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(fmt.Sprintf("%s: %-32s", p.label, what))
	_ = p.bar.Set(p.done)
	p.done++
}

// Stop takes the bar away.
func (p *Progress) Stop() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
