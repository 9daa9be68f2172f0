package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// That the file cannot be written is told before anything is measured.
func TestRunUnwritable(t *testing.T) {
	inRoot(t)
	file := filepath.Join(t.TempDir(), "missing", "out.txt")
	var stdout, stderr bytes.Buffer
	args := []string{"run", "-count", "1", "-benchtime", "1us", "-short", "-bench", "Burst", "-o", file}
	require.Equal(t, exitFailed, command(context.Background(), args, &stdout, &stderr))
	assert.Contains(t, stderr.String(), file)
	assert.NotContains(t, stderr.String(), "round 1 of 1")
}

// What was measured is printed, though the file could not be written in the end.
func TestRunUnwritableInTheEnd(t *testing.T) {
	inRoot(t)
	dir := filepath.Join(t.TempDir(), "removed")
	require.NoError(t, os.Mkdir(dir, 0o777))
	stderr := &interrupter{at: "round 1 of 1", cancel: func() { os.Remove(dir) }}
	var stdout bytes.Buffer
	args := []string{"run", "-count", "1", "-benchtime", "1us", "-short", "-bench", "Burst", "-o", filepath.Join(dir, "out.txt")}
	require.Equal(t, exitFailed, command(context.Background(), args, &stdout, stderr))
	assert.Contains(t, stderr.String(), "no such file")
	assert.Contains(t, stdout.String(), "rounds: 1;")
}
