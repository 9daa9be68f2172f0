package testx

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Main is for TestMain: it runs the tests of a package and fails if they leave
// goroutines behind, but for those that are in one of the functions of ignore.
func Main(m *testing.M, ignore ...string) {
	code := m.Run()
	if code == 0 {
		if left := leftover(patience, ignore); left != "" {
			fmt.Fprintf(os.Stderr, "the tests left goroutines behind:\n\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// patience is how long goroutines may take to end after the last test.
const patience = 5 * time.Second

// leftover returns the stacks of goroutines that do not end.
func leftover(patience time.Duration, ignore []string) string {
	me := self()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var left []string
		for _, g := range parse(stacks()) {
			if g.id != me && !slices.Contains(ignore, g.top) && !ofRuntime(g) {
				left = append(left, g.text)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}

// ofRuntime reports whether g is not the tests' own doing.
func ofRuntime(g goroutine) bool {
	return strings.HasPrefix(g.top, "os/signal.") ||
		strings.HasPrefix(g.top, "runtime.ensureSigM") ||
		strings.Contains(g.text, "created by runtime.")
}
