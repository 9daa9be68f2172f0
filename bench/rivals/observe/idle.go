package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sparkpipe/sparkpipe/bench/rivals"
	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
)

// idle prints, for each contestant, the CPU time of this process in a second in
// which the contestant has nothing to do.
func idle() {
	fmt.Printf("%-28s %5.1f %%\n", "nothing", line.Idle())
	one := line.Shape{Producers: 1, Consumers: 1}
	for _, c := range rivals.Queues[int]() {
		fmt.Printf("queue   %-20s %5.1f %%\n", c.Name, c.Open(one).Idle())
	}
	for _, c := range rivals.Requests() {
		s := c.Open()
		_, err := s.Ask(context.Background(), rivals.Message{})
		fmt.Printf("request %-20s %5.1f %% %s\n", c.Name, line.Idle(), said(err))
		s.Close()
	}
	for _, c := range rivals.Pools() {
		p := c.Open()
		ran := make(chan struct{})
		p.Submit(func() { close(ran) })
		<-ran
		fmt.Printf("pool    %-20s %5.1f %%\n", c.Name, line.Idle())
		p.Close()
	}
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// within runs f and reports whether it returned in time. If not, it goes on.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
