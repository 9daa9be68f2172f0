package testx

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Soak returns how much a test of endurance is to do: what the environment
// variable says, or few, which is for every run of the tests. If the variable is
// set, progress is printed now and then until the test ends.
func Soak(tb testing.TB, env string, few int) (n int, p *Progress) {
	tb.Helper()
	p = &Progress{began: time.Now()}
	text := os.Getenv(env)
	if text == "" {
		return few, p
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil || n < 1 {
		tb.Fatalf("%s=%q is not a positive number", env, text)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Printf("progress: %s %s of %d (%.1f %%)\n", tb.Name(), p, n, 100*float64(p.done.Load())/float64(n))
			case <-stop:
				return
			}
		}
	}()
	tb.Cleanup(func() { close(stop); <-stopped })
	return n, p
}

// Progress counts what is done. Its methods may be called from many goroutines.
type Progress struct {
	done  atomic.Int64
	began time.Time
}

// Add counts n more. Who does very many calls it once for some thousands.
func (p *Progress) Add(n int) { p.done.Add(int64(n)) }

// String says how many were done, and how many in a second.
func (p *Progress) String() string {
	d := time.Since(p.began)
	return fmt.Sprintf("%d in %v, %.0f/s", p.done.Load(), d.Round(time.Millisecond), float64(p.done.Load())/d.Seconds())
}
