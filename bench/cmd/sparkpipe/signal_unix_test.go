//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The real process, interrupted by a real signal in the middle of its work.
func TestInterruptedProcess(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "sparkpipe")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, string(out))

	cmd := exec.Command(bin, "-dir", smallTree(t), "-duration", "1m")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()

	var stderr strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		stderr.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "round 1 of 3, sparkpipe") {
			time.Sleep(300 * time.Millisecond) // wherever it is now, it has a minute to go
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, exitInterrupted, exit.ExitCode(), stderr.String())
	assert.Contains(t, stderr.String(), "interrupted: round 1 of 3, sparkpipe")
	assert.Contains(t, stderr.String(), "all were handled")
	assert.Empty(t, stdout.String())
}
