package mutants

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const internal = ".."

// limit is how long one mutant may run. All of them together take a minute or
// two on 2 cores.
const limit = time.Minute

// planted returns the text of the file with the mistake in it.
func (m mutant) planted(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(internal, m.file))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), m.old), "%s: the old text must stand in %s once:\n%s", m.name, m.file, m.old)
	planted := strings.Replace(string(text), m.old, m.new, 1)
	_, err = parser.ParseFile(token.NewFileSet(), m.file, planted, 0)
	require.NoError(t, err, m.name)
	return planted
}

// where returns the package whose test must fail, and the test.
func (m mutant) where() (pkg, test string) {
	if pkg, test, ok := strings.Cut(m.test, "."); ok {
		return pkg, test
	}
	return filepath.Dir(m.file), m.test
}

// TestTable plants every mutant and runs none.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, m := range append(modelled, others...) {
		require.False(t, names[m.name], "two mutants named %q", m.name)
		names[m.name] = true
		m.planted(t)
	}
}

// found is how a mutant was caught.
type found struct {
	preemptions int // -1: by a run without the explorer
	test, says  string
}

func TestMutants(t *testing.T) {
	if os.Getenv("MUTANTS") == "" {
		t.Skip("a minute or two of the compiler and the explorer: run it with make mutants")
	}
	all := append(modelled, others...)
	caught := make([]*found, len(all))
	t.Run("each", func(t *testing.T) {
		for i, m := range all {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				caught[i] = m.run(t, i < len(modelled))
			})
		}
	})
	n := 0
	for i, m := range all {
		line := fmt.Sprintf("%-52s ", m.name)
		switch f := caught[i]; {
		case f == nil:
			line += "NOT CAUGHT"
		case f.preemptions < 0:
			line += "caught by " + f.test
			n++
		default:
			line += fmt.Sprintf("caught by %s, preemptions: %d, %s", f.test, f.preemptions, f.says)
			n++
		}
		fmt.Println("mutant", line)
	}
	fmt.Printf("%d of %d caught\n", n, len(all))
}

var (
	failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	says   = regexp.MustCompile(`schedule \d+, (?:before|after): (.*)`)
)

// run compiles the test with the mistake planted and runs it, a model with as
// few preemptions as show it. It fails t if the test passes, or fails for
// another reason than the one that the mutant names.
func (m mutant) run(t *testing.T, model bool) *found {
	pkg, test := m.where()
	dir := t.TempDir()
	original, err := filepath.Abs(filepath.Join(internal, m.file))
	require.NoError(t, err)
	file, overlay, binary := filepath.Join(dir, "planted.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "planted.test")
	require.NoError(t, os.WriteFile(file, []byte(m.planted(t)), 0o644))
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: file}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, list, 0o644))
	args := []string{"test", "-c", "-overlay", overlay, "-o", binary}
	env := os.Environ()
	switch {
	case model:
		args = append(args, "-tags", "modelcheck")
	case pkg == "lincheck": // a module of its own
		args = append(args, "-tags", "yieldhooks")
		env = append(env, "GOWORK=off")
	}
	build := exec.Command(filepath.Join(runtime.GOROOT(), "bin", "go"), append(args, ".")...)
	build.Dir, build.Env = filepath.Join(internal, pkg), env
	out, err := build.CombinedOutput()
	require.NoError(t, err, "it does not compile: %s", out)

	bounds := []int{-1}
	if model {
		bounds = []int{0, 1, 2}
	}
	for _, bound := range bounds {
		cmd := exec.Command(binary, "-test.run", "^"+test+"$", "-test.timeout", limit.String(), "-test.v")
		cmd.Dir = build.Dir
		cmd.Env = append(os.Environ(), fmt.Sprintf("MODEL_PREEMPTIONS=%d", max(bound, 0)))
		out, err = cmd.CombinedOutput()
		require.NotContains(t, string(out), "panic: test timed out")
		require.Contains(t, string(out), "=== RUN   "+test)
		if err == nil {
			continue
		}
		require.Regexp(t, failed, string(out))
		names := failed.FindAllStringSubmatch(string(out), -1)
		f := &found{preemptions: bound, test: pkg + "." + names[len(names)-1][1]}
		if model {
			reason := says.FindStringSubmatch(string(out))
			require.NotNil(t, reason, "%s", out)
			require.Regexp(t, m.want, reason[1])
			f.says = reason[1]
		}
		return f
	}
	t.Errorf("%s passes with this mistake in %s:\n%s\ninstead of\n%s", test, m.file, m.new, m.old)
	return nil
}
