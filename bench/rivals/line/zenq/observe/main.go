//go:build !go1.23

// Command observe shows what README.md says of ZenQ. What crashes or hangs runs
// in a process of its own.
//
//	GOWORK=off GOTOOLCHAIN=go1.22.12 go run ./zenq/observe
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
	"github.com/sparkpipe/sparkpipe/bench/rivals/line/zenq"
)

const runs = 5

func main() {
	if len(os.Args) == 2 {
		for _, p := range probes {
			if p.name == os.Args[1] {
				fmt.Println(p.run())
				return
			}
		}
		fmt.Fprintln(os.Stderr, "usage: observe")
		os.Exit(2)
	}
	for _, c := range zenq.Queues[int]() {
		fmt.Printf("idle %s: %.1f %%\n", c.Name, c.Open(line.Shape{Producers: 1, Consumers: 1}).Idle())
	}
	for _, p := range probes {
		for i := 0; i < runs; i++ {
			fmt.Printf("%s, run %d: %s\n", p.name, i+1, child(p.name))
		}
	}
}

// child runs this program for one probe and returns its result, or how it died.
func child(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, os.Args[0], name)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "hung, and was killed after 10 s"
	case err != nil:
		for _, l := range strings.Split(errs.String(), "\n") {
			if strings.HasPrefix(l, "fatal error:") || strings.HasPrefix(l, "panic:") || strings.HasPrefix(l, "unexpected fault") {
				return "crashed: " + l
			}
		}
		return "crashed: " + err.Error()
	}
	return strings.TrimSpace(out.String())
}
