package promela

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// models lists how many mutants each model has.
var models = map[string]int{"gate": 8, "role": 7, "slot": 8}

func TestSpin(t *testing.T) {
	if os.Getenv("SPIN") == "" {
		t.Skip("half a minute of a C program: run it with make spin")
	}
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (on Debian: apt-get install spin gcc libc6-dev)", tool)
		}
	}
	for model, bugs := range models {
		for bug := 0; bug <= bugs; bug++ {
			name := fmt.Sprintf("%s/BUG=%d", model, bug)
			if bug == 0 {
				name = model
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				states, failure := verify(t, model, bug)
				if bug == 0 {
					require.Empty(t, failure)
					t.Logf("%s states, no error", states)
				} else {
					require.NotEmpty(t, failure, "the mutant is not found in %s states", states)
					t.Logf("found: %s", failure)
				}
			})
		}
	}
}

// TestModelsAreListed finds every model, and every mutant that a model's head
// lists, in the table above.
func TestModelsAreListed(t *testing.T) {
	files, err := filepath.Glob("*.pml")
	require.NoError(t, err)
	require.Len(t, files, len(models))
	for model, bugs := range models {
		text, err := os.ReadFile(model + ".pml")
		require.NoError(t, err)
		used := map[string]bool{}
		for _, m := range regexp.MustCompile(`BUG [=!]= (\d+)`).FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
		require.Len(t, used, bugs)
		head := regexp.MustCompile(`(?s)BUG  1  .*?\*/`).FindString(string(text))
		listed := regexp.MustCompile(`(?m)^ +(?:BUG  )?\d  \w`).FindAllString("   "+head, -1)
		require.Len(t, listed, bugs, "%s", head)
	}
}

var (
	errorsLine = regexp.MustCompile(`errors: (\d+)`)
	statesLine = regexp.MustCompile(`(\d+) states, stored`)
	firstError = regexp.MustCompile(`pan:1: (.*) \(at depth`)
)

// verify has Spin visit all states, and returns how many there are and what it
// has found first.
func verify(t *testing.T, model string, bug int) (states, failure string) {
	source, err := filepath.Abs(model + ".pml")
	require.NoError(t, err)
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	run("spin", "-a", fmt.Sprintf("-DBUG=%d", bug), source)
	optimize := "-O0" // a mutant is found sooner than compiled
	if bug == 0 {
		optimize = "-O2"
	}
	run("gcc", optimize, "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2048", "-o", "pan", "pan.c")
	out := run("./pan", "-m100000")
	count := errorsLine.FindStringSubmatch(out)
	require.NotNil(t, count, "%s", out)
	require.NotContains(t, out, "search depth too small")
	require.NotContains(t, out, "Search not completed\n\t(max", "%s", out)
	stored := statesLine.FindStringSubmatch(out)
	require.NotNil(t, stored, "%s", out)
	if count[1] == "0" {
		return stored[1], ""
	}
	first := firstError.FindStringSubmatch(out)
	require.NotNil(t, first, "%s", out)
	return stored[1], first[1]
}
