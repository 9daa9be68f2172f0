// Command overload asks a server for up to four times what it can do, over plain
// channels and over sparkpipe, and tells what is answered in time:
//
//	go run ./bench/cmd/overload -o bench/results/overload-DATE.txt   # measures
//	go run ./bench/cmd/overload -report bench/results/overload-DATE.txt
//
// The handler takes some 100 µs of processor time. Requests come in an open loop,
// at random times (a Poisson process, the same for all contestants of a round) that are some
// share of the capacity, whether the server keeps up or not. Each has its own
// goroutine and a ctx that ends a deadline after it was due. Whatever the load
// generator does late counts as latency, as it would for a user: time runs from
// when a request was due. The goroutine that starts requests sleeps until the
// next is due, and starts all that are due by the time it wakes up.
//
// The capacity is what 64 clients get out of a plain channel or sparkpipe,
// whichever is more, one request after the other.
//
// All of that is done in some rounds. The report shows the median of them, and the
// least and the most.
//
// Raw results are in the Go benchmark format. Next to them, overload.md and
// overload.svg are made from them alone.
//
// The exit status is 0 if all went well, 1 if something failed or, with -check, a
// bound does not hold, 2 for wrong flags, and 130 after an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sparkpipe/sparkpipe/bench/cmd/internal/output"
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
	err := run(ctx, args, stdout, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "overload: interrupted:", err)
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "overload:", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// usageError is an error of whoever called the command.
type usageError struct{ error }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var p plan
	var loads, impl, out, report string
	var check bool
	fs := flag.NewFlagSet("overload", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.DurationVar(&p.span, "duration", 7*time.Second, "how long each load lasts in a round")
	fs.IntVar(&p.rounds, "rounds", 3, "how often all is measured, 1 to 100")
	fs.DurationVar(&p.work, "work", 100*time.Microsecond, "processor time of a handler call")
	fs.DurationVar(&p.deadline, "deadline", 50*time.Millisecond, "how long a caller waits")
	fs.StringVar(&loads, "loads", "0.5,0.9,1.2,2,4", "offered loads, as multiples of the capacity")
	fs.StringVar(&impl, "impl", ".", "the contestants whose names match this `regexp`")
	fs.StringVar(&out, "o", "", "write what is measured to this `file`, and the report beside it")
	fs.StringVar(&report, "report", "", "measure nothing: make the report from this `file`")
	fs.BoolVar(&check, "check", false, "fail if sparkpipe-shed does not keep goodput and latency")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	if report != "" {
		if out != "" {
			return usageError{errors.New("-o is for what is measured, and -report measures nothing")}
		}
		r, err := readFile(report)
		if err != nil {
			return err
		}
		err = r.report(report, stdout, stderr)
		if check {
			err = errors.Join(err, r.check())
		}
		return err
	}
	if p.span <= 0 || p.work <= 0 || p.deadline <= 0 {
		return usageError{errors.New("-duration, -work and -deadline must be above 0")}
	}
	if p.rounds < 1 || p.rounds > 100 {
		return usageError{fmt.Errorf("-rounds %d: must be 1 to 100", p.rounds)}
	}
	for _, s := range strings.Split(loads, ",") {
		load, err := strconv.ParseFloat(s, 64)
		if err != nil || !(load > 0 && load <= 100) {
			return usageError{fmt.Errorf("-loads: %q is not a number above 0 and up to 100", s)}
		}
		p.loads = append(p.loads, load)
	}
	match, err := regexp.Compile(impl)
	if err != nil {
		return usageError{fmt.Errorf("-impl: %w", err)}
	}
	for _, c := range contestants {
		if match.MatchString(c.name) {
			p.sides = append(p.sides, c)
		}
	}
	if len(p.sides) == 0 {
		return usageError{fmt.Errorf("-impl %q matches no contestant", impl)}
	}
	if check && !p.checkable() {
		return usageError{errNotChecked}
	}
	if out != "" { // better now than after a quarter of an hour
		if err := output.Writable(out); err != nil {
			return err
		}
	}
	raw, err := p.measure(ctx, stderr)
	if err != nil {
		return err
	}
	r, err := read(strings.NewReader(string(raw)), "the results")
	if err != nil {
		return err
	}
	if out == "" {
		err = r.show(stdout)
	} else if err = os.WriteFile(out, raw, 0o666); err == nil {
		err = r.report(out, stdout, stderr)
	} else {
		err = errors.Join(err, r.show(stdout)) // somebody may still read it
	}
	if check {
		err = errors.Join(err, r.check())
	}
	return err
}
