package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sparkpipe/sparkpipe/bench/cmd/internal/output"
	"github.com/sparkpipe/sparkpipe/bench/cmd/internal/progress"
)

// rounds runs the benchmarks.
type rounds struct {
	bench     string
	benchtime time.Duration
	count     int
	short     bool
	strict    bool
	out       string // file; empty: none
}

// limit is how many cores others may use during a round that counts.
//
// What others use of the processors matters more than how fast they are: with
// one of two cores taken, clients hardly run at the same time, so they hardly
// contend, and callers that run their own requests look several times faster
// than they are. So a round counts only if others used little of the machine
// meanwhile; what it measured plays no part in that.
const limit = 0.1

// measure runs the rounds and prints what came out.
func (r *rounds) measure(ctx context.Context, stdout, stderr io.Writer) error {
	p := progress.New("compare", stderr)
	defer p.Stop()
	if r.out != "" { // better now than after the rounds
		if err := output.Writable(r.out); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p.Say("compiling the benchmarks")
	binary := filepath.Join(dir, "bench.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./bench").CombinedOutput(); err != nil {
		return fmt.Errorf("go test -c ./bench: %w\n%s", err, out)
	}
	p.Say("running each benchmark once, to count them")
	steps := 0
	if _, err := r.once(ctx, binary, true, func(string) { steps++ }); err != nil {
		return err
	}
	if steps == 0 {
		return fmt.Errorf("-bench %q matches no benchmark", r.bench)
	}
	var raw, measured bytes.Buffer
	r.head(ctx, &raw) // configuration lines hold for the results that follow
	kept, rejected, failed := r.repeat(ctx, p, binary, steps, &measured)
	if kept == 0 {
		return failed
	}
	if r.strict {
		fmt.Fprintf(&raw, "rounds-left-out: %d\n", rejected)
	}
	measured.WriteTo(&raw)
	if r.out != "" {
		out := r.out
		if failed != nil {
			out += ".partial" // which is no record, and replaces none
		}
		if err := os.WriteFile(out, raw.Bytes(), 0o666); err != nil {
			failed = errors.Join(failed, err)
		} else {
			p.Say("wrote %s", out)
		}
	}
	f, err := read(&raw, r.out)
	if err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, f.print(stdout))
}

// repeat runs the rounds and writes those that count to measured, whole ones only:
// they are worth keeping if a later one fails.
func (r *rounds) repeat(ctx context.Context, p *progress.Progress, binary string, steps int, measured *bytes.Buffer) (kept, rejected int, err error) {
	worst := 0.0
	defer func() {
		if worst > limit {
			p.Say("others used up to %.2f cores meanwhile: do not trust the numbers", worst)
		}
	}()
	for kept < r.count {
		p.Round(fmt.Sprintf("round %d of %d", kept+1, r.count))
		p.Start(steps)
		before, unknown := used()
		out, err := r.once(ctx, binary, false, p.Step)
		p.Stop()
		if err != nil {
			return kept, rejected, err
		}
		cores := 0.0
		if unknown == nil {
			var after usage
			if after, unknown = used(); unknown == nil {
				cores, unknown = foreign(before, after)
			}
		}
		switch {
		case unknown != nil && r.strict:
			return kept, rejected, fmt.Errorf("-strict: %w", unknown)
		case unknown == nil && cores > limit && r.strict:
			p.Say("round left out: others used %.2f cores", cores)
			if rejected++; rejected > 3*r.count {
				return kept, rejected, fmt.Errorf("the machine is too busy: %d rounds left out", rejected)
			}
			continue
		}
		kept++
		worst = max(worst, cores)
		fmt.Fprintf(measured, "round: %d\n", kept)
		if unknown == nil {
			fmt.Fprintf(measured, "foreign-cores: %.2f\n", cores)
		}
		measured.Write(out)
	}
	return kept, rejected, nil
}

// head writes the configuration lines: what was measured, when and where.
func (r *rounds) head(ctx context.Context, out io.Writer) {
	ask := func(name string, args ...string) string {
		s, err := exec.CommandContext(ctx, name, args...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(s))
	}
	short := ""
	if r.short {
		short = " -short"
	}
	kernel, _, _ := strings.Cut(ask("uname", "-sr"), "-") // what follows is whose build it is
	for _, s := range [][2]string{
		{"date", time.Now().UTC().Format(time.DateOnly)},
		{"commit", ask("git", "describe", "--always", "--dirty")},
		{"command", fmt.Sprintf("go test -run '^$' -bench '%s' -benchtime %v%s ./bench", r.bench, r.benchtime, short)},
		{"go", ask("go", "env", "GOVERSION")},
		{"cores", fmt.Sprint(runtime.NumCPU())},
		{"kernel", kernel},
	} {
		if s[1] != "" {
			fmt.Fprintf(out, "%s: %s\n", s[0], s[1])
		}
	}
}

// once runs all benchmarks one time, and tells step the name of each that has
// ended. It returns what they print; with counting, they run as short as they
// can.
func (r *rounds) once(ctx context.Context, binary string, counting bool, step func(string)) ([]byte, error) {
	args := []string{"-test.run", "^$", "-test.bench", r.bench, "-test.timeout", "30m"}
	if counting || r.short {
		args = append(args, "-test.short")
	}
	if counting {
		args = append(args, "-test.benchtime", "1x")
	} else {
		args = append(args, "-test.benchtime", r.benchtime.String())
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = "bench"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		if name, _, found := strings.Cut(lines.Text(), " "); found && strings.HasPrefix(name, "Benchmark") {
			step(strings.TrimPrefix(name, "Benchmark"))
		}
		out.Write(append(lines.Bytes(), '\n'))
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("the benchmarks failed: %w\n%s%s", err, out.Bytes(), stderr.Bytes())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("PASS\n")), lines.Err()
}
