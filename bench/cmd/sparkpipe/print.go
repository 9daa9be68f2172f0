package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// report is the result for machines.
type report struct {
	Machine struct {
		Go         string `json:"go"`
		OS         string `json:"os"`
		Arch       string `json:"arch"`
		CPUs       int    `json:"cpus"`
		GOMAXPROCS int    `json:"gomaxprocs"`
	} `json:"machine"`
	Input struct {
		Dir     string `json:"dir"`
		Files   int    `json:"files"`
		Bytes   int    `json:"bytes"`
		Skipped int    `json:"skipped"`
		LookUps int    `json:"words_looked_up"`
	} `json:"input"`
	Settings struct {
		Clients  int   `json:"clients"`
		Duration int64 `json:"duration_ns"`
		Queue    int   `json:"queue"`
		Workers  int   `json:"workers"`
		Rounds   int   `json:"rounds"`
		Pace     int   `json:"paced_messages_per_second"`
	} `json:"settings"`
	// CPUsGot is how many CPUs the process could use while it digested, of
	// CPUsWanted. If that is less, others use the machine. 0: not known.
	CPUsGot    float64 `json:"cpus_got"`
	CPUsWanted int     `json:"cpus_wanted"`

	Outcome outcome `json:"outcome"` // of both sides: they are identical
	Rows    []row   `json:"rows"`
}

func (r *result) report() (report, error) {
	var p report
	p.Machine.Go, p.Machine.OS, p.Machine.Arch = runtime.Version(), runtime.GOOS, runtime.GOARCH
	p.Machine.CPUs, p.Machine.GOMAXPROCS = runtime.NumCPU(), runtime.GOMAXPROCS(0)
	p.Input.Dir, p.Input.Files, p.Input.Bytes = r.tree.dir, len(r.tree.files), r.tree.bytes
	p.Input.Skipped, p.Input.LookUps = r.tree.skipped, len(r.tree.words)
	p.Settings.Clients, p.Settings.Duration, p.Settings.Pace = r.cfg.clients, int64(r.cfg.duration), paceRate
	p.Settings.Queue, p.Settings.Workers, p.Settings.Rounds = r.cfg.queue, r.cfg.workers, r.cfg.rounds
	p.CPUsGot, p.CPUsWanted = r.cpus(), min(r.cfg.workers, runtime.GOMAXPROCS(0))
	p.Outcome = *r.outcomes[0]
	var err error
	p.Rows, err = r.rows()
	return p, err
}

// print writes the result to w in one piece.
func (r *result) print(w io.Writer) error {
	p, err := r.report()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if r.cfg.json {
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		err = enc.Encode(p)
	} else {
		p.table(&b)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func (p report) table(b *bytes.Buffer) {
	o := p.Outcome
	fmt.Fprintf(b, "Both sides came to the same results, in each round, and to those of a plain loop:\n"+
		"  index of %s words: %s; answers to look-ups: %s;\n  SHA-256 of %s files: %s; gzip: %s bytes\n\n",
		commas(o.Words), o.Index, o.LookUps, commas(p.Input.Files), o.Digests, commas(o.Gzip))
	fmt.Fprintf(b, "%s %s/%s, %d CPUs, GOMAXPROCS %d; %s, %.1f MB; %d clients, queue %d, %d workers\n\n",
		p.Machine.Go, p.Machine.OS, p.Machine.Arch, p.Machine.CPUs, p.Machine.GOMAXPROCS,
		p.Input.Dir, float64(p.Input.Bytes)/1e6, p.Settings.Clients, p.Settings.Queue, p.Settings.Workers)

	const line = "%-15s %-14s %15s %15s %7s %13s   %s\n"
	fmt.Fprintf(b, line, "message", "", "plain channels", "sparkpipe", "ratio", "spread", "wins (rounds)")
	kind := ""
	var lost []string
	for _, w := range p.Rows {
		label := ""
		if w.Kind != kind {
			kind, label = w.Kind, w.Kind
			b.WriteByte('\n')
		}
		ratio, spread := "-", "-"
		if w.Ratio != nil {
			ratio, spread = fmt.Sprintf("%.2f", *w.Ratio), fmt.Sprintf("%.2f-%.2f", *w.Least, *w.Greatest)
		}
		rounds := fmt.Sprintf("(%d of %d)", w.Won, p.Settings.Rounds)
		fmt.Fprintf(b, line, label, w.Metric, w.show(w.Channels), w.show(w.Pipe), ratio, spread, w.Wins+" "+rounds)
		if w.Wins == winChannels {
			lost = append(lost, w.Kind+" "+w.Metric+" "+rounds)
		}
	}
	if len(lost) == 0 {
		lost = []string{"no row, this time"}
	}
	fmt.Fprintf(b, `
Rounds: %d. Their medians decide; neither side wins within %.0f %%, and (n of m) is how many rounds agree.
ratio: how many times better sparkpipe is; below 1, plain channels are. spread: least and greatest of the rounds.
look-up: a request at full speed. paced: %s a second, by all clients together.
count: a command for each file, from being sent to being handled; counting the words is in its CPU and allocations.
digest: an offloaded request for each file, SHA-256 and gzip; all clients wait for %d workers.
sparkpipe loses: %s.
`, p.Settings.Rounds, even*100, commas(p.Settings.Pace), p.Settings.Workers, strings.Join(lost, "; "))
	if p.CPUsGot > 0 && p.CPUsGot < 0.9*float64(p.CPUsWanted) {
		fmt.Fprintf(b, "Others use this machine: while digesting, the process got %.1f CPUs of %d. Times and rates are as noisy as the spread says.\n",
			p.CPUsGot, p.CPUsWanted)
	}
}

// show formats a value of a row.
func (w row) show(v float64) string {
	switch {
	case w.Unit == "ns" && v == 0:
		return "unknown"
	case w.Unit == "ns":
		d := time.Duration(v)
		switch {
		case d >= time.Millisecond:
			return fmt.Sprintf("%.2f ms", v/1e6)
		case d >= time.Microsecond:
			return fmt.Sprintf("%.2f µs", v/1e3)
		}
		return fmt.Sprintf("%d ns", d)
	case w.Unit == "allocations":
		return fmt.Sprintf("%.2f", v)
	}
	return commas(int(v)) + "/s"
}

// commas formats n with thousands separated.
func commas(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
