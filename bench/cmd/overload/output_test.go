package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// brief is a run of a moment.
func brief(more ...string) []string {
	return append([]string{"-rounds", "1", "-duration", "10ms", "-loads", "0.5", "-impl", "reject-32"}, more...)
}

// That the file cannot be written is told before anything is measured.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "missing", "overload-x.txt")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, command(context.Background(), brief("-o", file), &stdout, &stderr))
	require.Contains(t, stderr.String(), file)
	require.NotContains(t, stderr.String(), "measuring")
}

// remover removes a directory when it is told of a round.
type remover struct {
	bytes.Buffer
	dir string
}

func (r *remover) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "round 1") {
		os.Remove(r.dir)
	}
	return r.Buffer.Write(b)
}

// What was measured is printed, though the file could not be written in the end.
func TestUnwritableInTheEnd(t *testing.T) {
	stderr := &remover{dir: filepath.Join(t.TempDir(), "removed")}
	require.NoError(t, os.Mkdir(stderr.dir, 0o777))
	var stdout bytes.Buffer
	require.Equal(t, exitFailed, command(context.Background(), brief("-o", filepath.Join(stderr.dir, "overload-x.txt")), &stdout, stderr))
	require.Contains(t, stderr.String(), "no such file")
	require.Contains(t, stdout.String(), "Goodput")
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

// That nobody gets the tables is a failure.
func TestTablesAreLost(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, exitFailed, command(context.Background(), brief(), full{}, &stderr))
	require.Contains(t, stderr.String(), "no room")
	file := filepath.Join(t.TempDir(), "overload-x.txt")
	require.Equal(t, exitFailed, command(context.Background(), brief("-o", file), full{}, &stderr))
	require.FileExists(t, file)
	require.Equal(t, exitFailed, command(context.Background(), []string{"-report", file}, full{}, &stderr))
}

// A check that cannot be made is told before anything is measured, and -report makes
// it, too.
func TestCheckIsMade(t *testing.T) {
	for _, args := range [][]string{
		{"-impl", "channel", "-loads", "0.9,2,4"}, {"-loads", "0.5,2,4"}, {"-loads", "0.9,2"},
	} {
		var stderr bytes.Buffer
		args = append(args, "-check", "-rounds", "1", "-duration", "10ms")
		require.Equal(t, exitUsage, command(context.Background(), args, &bytes.Buffer{}, &stderr), args)
		require.Contains(t, stderr.String(), "-check needs")
		require.NotContains(t, stderr.String(), "measuring")
	}

	file := filepath.Join(t.TempDir(), "overload-x.txt")
	text := ""
	for _, load := range []string{"0.9", "2", "4"} {
		text += "BenchmarkOverload/load=" + load + "/impl=sparkpipe-shed 1 0.5 good/capacity 4000 p99-us\n"
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, command(context.Background(), []string{"-report", file, "-check"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "goodput at 2 times")
	require.Contains(t, stdout.String(), "Goodput", "the report is made all the same")
	require.Equal(t, exitUsage, command(context.Background(), []string{"-report", file, "-o", "x"}, &stdout, &stderr))
}
