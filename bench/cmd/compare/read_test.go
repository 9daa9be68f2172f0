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

// A time of 0 is a time: it has the unit of the others, and is the value of its round.
func TestReadZero(t *testing.T) {
	var text strings.Builder
	for _, ns := range []string{"0", "100", "0"} {
		text.WriteString("BenchmarkQueue/impl=chan 1 50 ns/op\nBenchmarkQueue/impl=ring 1 " + ns + " ns/op\n")
	}
	f, err := read(strings.NewReader(text.String()), "some.txt")
	require.NoError(t, err)
	require.Len(t, f.benchmark("Queue").rows, 1)
	ring := f.table(t, "Queue", "sec/op").rows[0].cells[1]
	assert.InDeltaSlice(t, []float64{0, 100e-9, 0}, ring.values(f), 1e-12)
	assert.Zero(t, ring.value.median)
}

// values returns those of the rounds.
func (c cell) values(f *results) []float64 { return f.benches[0].rows[0].values[c.impl] }

// A directory may have a name that is a pattern.
func TestReportFromAnyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results [old]")
	require.NoError(t, os.Mkdir(dir, 0o777))
	b, err := os.ReadFile("testdata/2026-01-02.txt")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2026-01-02.txt"), b, 0o666))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "2026-02-03.txt"), 0o777)) // no file
	var stderr bytes.Buffer
	code := command(context.Background(), []string{"report", "-results", dir, "-markdown", filepath.Join(dir, "B.md")}, nil, &stderr)
	require.Zero(t, code, stderr.String())
	require.FileExists(t, filepath.Join(dir, "report.html"))
	code = command(context.Background(), []string{"report", "-results", filepath.Join(dir, "missing")}, nil, &stderr)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr.String(), "has no results")
}
