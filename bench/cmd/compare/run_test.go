package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inRoot has the test run where the command is to be run.
func inRoot(t *testing.T) {
	old, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir("../../.."))
	t.Cleanup(func() { require.NoError(t, os.Chdir(old)) })
}

func TestRun(t *testing.T) {
	inRoot(t)
	file := filepath.Join(t.TempDir(), "out.txt")
	var stdout, stderr bytes.Buffer
	args := []string{"run", "-count", "2", "-benchtime", "1us", "-short", "-bench", "Burst", "-o", file}
	require.Zero(t, command(context.Background(), args, &stdout, &stderr), stderr.String())
	assert.Contains(t, stderr.String(), "round 2 of 2")
	assert.Contains(t, stdout.String(), "compared with chan")

	f, err := readFile(file)
	require.NoError(t, err)
	assert.Equal(t, 2, f.rounds())
	for _, key := range []string{"date", "command", "go", "cores", "cpu"} {
		assert.Len(t, f.get(key), 1, key)
	}
	assert.Equal(t, []string{"1", "2"}, f.get("round"))
}

// interrupter calls cancel when it is told of something.
type interrupter struct {
	bytes.Buffer
	at     string
	cancel func()
}

func (i *interrupter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), i.at) {
		i.cancel()
	}
	return i.Buffer.Write(b)
}

// An interrupt in a round leaves those before it, and the record as it was.
func TestRunKeepsRounds(t *testing.T) {
	inRoot(t)
	file := filepath.Join(t.TempDir(), "out.txt")
	require.NoError(t, os.WriteFile(file, []byte("a record"), 0o666))
	ctx, cancel := context.WithCancel(context.Background())
	stderr := &interrupter{at: "round 3 of 3", cancel: cancel}
	var stdout bytes.Buffer
	args := []string{"run", "-count", "3", "-benchtime", "1us", "-short", "-bench", "Burst", "-o", file}
	require.Equal(t, exitInterrupted, command(ctx, args, &stdout, stderr), stderr.String())
	assert.Contains(t, stdout.String(), "rounds: 2;")

	f, err := readFile(file + ".partial")
	require.NoError(t, err, stderr.String())
	assert.Equal(t, []string{"1", "2"}, f.get("round"))
	for _, key := range []string{"date", "command", "go", "cores", "cpu"} {
		assert.Len(t, f.get(key), 1, key)
	}
	record, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "a record", string(record))
}

func TestRunNothing(t *testing.T) {
	inRoot(t)
	var stderr bytes.Buffer
	assert.Equal(t, exitFailed, command(context.Background(), []string{"run", "-bench", "NoSuchBenchmark"}, nil, &stderr))
	assert.Contains(t, stderr.String(), `"NoSuchBenchmark" matches no benchmark`)
}

func TestRunInterrupted(t *testing.T) {
	inRoot(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr bytes.Buffer
	assert.Equal(t, exitInterrupted, command(ctx, []string{"run"}, nil, &stderr))
	assert.True(t, strings.HasPrefix(stderr.String(), "compare: "))
}
