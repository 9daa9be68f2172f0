// Command sparkpipe runs one workload on real input through plain channels and
// through sparkpipe, checks that both come to the same results, and prints how
// they compare, with the rows that sparkpipe loses:
//
//	go run ./bench/cmd/sparkpipe
//
// It reads a source tree into memory, by default that of the Go installation.
// A server owns an index of the words in it. Clients count the words of one
// file after the other and send the counts as commands; they look words up,
// which are requests; and they have each file's SHA-256 and gzip size worked
// out, which are CPU-heavy requests that the server leaves to workers.
//
// Both sides run in each round, in alternating order. The table has the medians
// of the rounds, and the spread of their ratios.
//
// The exit status is 0 if all went well, 1 if something failed or results
// differ, 2 for wrong flags, and 130 after an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT
)

// config is what the flags say.
type config struct {
	dir      string
	clients  int
	duration time.Duration
	queue    int
	workers  int
	rounds   int
	json     bool
	profile  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(run(ctx, os.Args[1:], contestants, os.Stdout, os.Stderr))
}

// run is main without the process around it. The end of ctx is an interrupt.
func run(ctx context.Context, args []string, sides []contestant, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return exitUsage // parse has said why
	}
	err = compare(ctx, cfg, sides, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "sparkpipe: interrupted:", err)
		return exitInterrupted
	default:
		fmt.Fprintln(stderr, "sparkpipe:", err)
		return exitFailed
	}
}

// parse reads the flags. It has told stderr about its error.
func parse(args []string, stderr io.Writer) (config, error) {
	var cfg config
	fs := flag.NewFlagSet("sparkpipe", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintln(stderr, "usage: sparkpipe [flags]")
		fmt.Fprintln(stderr, "Runs one workload through plain channels and through sparkpipe and compares them.")
		fs.PrintDefaults()
	}
	fs.StringVar(&cfg.dir, "dir", "", "source `tree` to read (default: src of the Go installation)")
	fs.IntVar(&cfg.clients, "clients", 64, "goroutines that send messages, 1 to 10000")
	fs.DurationVar(&cfg.duration, "duration", time.Second,
		"how long look-ups are sent at full speed, and again at a fixed rate, a side and round; at most 1m")
	fs.IntVar(&cfg.queue, "queue", 1024, "messages that can wait for the server, and for the workers, 2 to 1048576")
	fs.IntVar(&cfg.workers, "workers", runtime.GOMAXPROCS(0), "goroutines for the CPU-heavy requests, 1 to 10000")
	fs.IntVar(&cfg.rounds, "rounds", 3, "how often each side runs, 1 to 100")
	fs.BoolVar(&cfg.json, "json", false, "print the result as JSON")
	fs.StringVar(&cfg.profile, "profile", "", "after the rounds, run sparkpipe once more and write profiles to `directory`")
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	if err := cfg.check(fs.Args()); err != nil {
		fmt.Fprintln(stderr, "sparkpipe:", err)
		fs.Usage()
		return cfg, err
	}
	return cfg, nil
}

func (c config) check(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	for _, f := range []struct {
		name      string
		v, lo, hi int
	}{
		{"clients", c.clients, 1, 10_000},
		{"queue", c.queue, 2, 1 << 20},
		{"workers", c.workers, 1, 10_000},
		{"rounds", c.rounds, 1, 100},
	} {
		if f.v < f.lo || f.v > f.hi {
			return fmt.Errorf("-%s %d: must be %d to %d", f.name, f.v, f.lo, f.hi)
		}
	}
	if c.duration <= 0 || c.duration > time.Minute {
		return fmt.Errorf("-duration %v: must be above 0 and at most 1m", c.duration)
	}
	return nil
}
