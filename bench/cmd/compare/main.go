// Command compare runs the benchmarks in interleaved rounds, and makes tables
// and charts of what they measured:
//
//	go run ./bench/cmd/compare run [-o file]    # measures, prints ratios
//	go run ./bench/cmd/compare report           # BENCHMARKS.md, report.html
//
// Both are to be run in the root of the module. Run writes what it measured in
// the Go benchmark format, with the date, the machine and the versions as
// configuration lines. If a round fails or is interrupted, those before it are in
// FILE.partial, which no report reads.
//
// Report makes BENCHMARKS.md and bench/results/report.html from such files alone:
// from the newest of bench/results, and from those of other machines,
// machine-*.txt, and third-party rivals, rivals-*.txt, if there are any.
//
// The exit status is 0 if all went well, 1 if something failed, 2 for wrong
// flags, and 130 after an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is main without the process around it. The end of ctx is an interrupt.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, stdout, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintln(stderr, "compare:", err)
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "compare: interrupted:", err)
		return exitInterrupted
	default:
		fmt.Fprintln(stderr, "compare:", err)
		return exitFailed
	}
}

// usageError is an error of whoever called the command.
type usageError struct{ error }

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError{errors.New("run or report? -h tells more")}
	}
	fs := flag.NewFlagSet("compare "+args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	var r rounds
	var rep report
	switch args[0] {
	case "run":
		fs.IntVar(&r.count, "count", 3, "rounds, 1 to 100")
		fs.StringVar(&r.bench, "bench", ".", "run the benchmarks whose names match this `regexp`")
		fs.DurationVar(&r.benchtime, "benchtime", 50*time.Millisecond, "how long each benchmark runs at least")
		fs.BoolVar(&r.short, "short", false, "shorten what takes a fixed time")
		fs.BoolVar(&r.strict, "strict", false, "leave rounds out in which other processes used more than 0.1 cores (Linux only)")
		fs.StringVar(&r.out, "o", "", "write what is measured to this `file`")
	case "report":
		fs.StringVar(&rep.results, "results", "bench/results", "read from this `directory`, and write report.html there")
		fs.StringVar(&rep.markdown, "markdown", "BENCHMARKS.md", "write the tables to this `file`")
		fs.StringVar(&rep.main, "main", "", "the `file` of our own benchmarks (default: the newest in the directory)")
	case "-h", "-help", "--help", "help":
		fmt.Fprintln(stderr, "usage: compare run|report [flags]; compare run -h and compare report -h list the flags")
		return flag.ErrHelp
	default:
		return usageError{fmt.Errorf("%q is neither run nor report", args[0])}
	}
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	if args[0] == "report" {
		return rep.write(stderr)
	}
	if r.count < 1 || r.count > 100 {
		return usageError{fmt.Errorf("-count %d: must be 1 to 100", r.count)}
	}
	if r.benchtime <= 0 {
		return usageError{fmt.Errorf("-benchtime %v: must be above 0", r.benchtime)}
	}
	return r.measure(ctx, stdout, stderr)
}
