package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallTree makes a tree of text files, and some to skip.
func smallTree(t *testing.T) string {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	for i := 0; i < 40; i++ {
		write(fmt.Sprintf("d%d/f%d.txt", i%4, i), strings.Repeat(fmt.Sprintf("common word%d x_%d 0x1F, ", i, i%7), 1+i*20))
	}
	write("empty.txt", "")
	write("binary", "word\x00word")
	write("large.txt", strings.Repeat("large ", maxFile/6+1))
	return dir
}

// command runs the command on a small tree, with little to do.
func command(t *testing.T, ctx context.Context, sides []contestant, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	args = append([]string{"-duration", "20ms", "-rounds", "2", "-clients", "8"}, args...)
	code = run(ctx, args, sides, &out, &errs)
	return code, out.String(), errs.String()
}

func TestTable(t *testing.T) {
	code, stdout, stderr := command(t, context.Background(), contestants, "-dir", smallTree(t))
	require.Equal(t, 0, code, stderr)
	for _, want := range []string{"same results", "look-up, paced", "digest", "p99.9", "CPU/message", "sparkpipe loses: "} {
		assert.Contains(t, stdout, want)
	}
	assert.Contains(t, stderr, "read 41 files")
	assert.Contains(t, stderr, "skipped 2 files")
	assert.Contains(t, stderr, "round 2 of 2, sparkpipe")
	assert.NotContains(t, stderr, "\r", "a bar, and this is no terminal")
}

func TestJSON(t *testing.T) {
	for _, flags := range [][]string{nil, {"-clients", "300", "-queue", "2", "-workers", "1"}, {"-clients", "1", "-rounds", "1"}} {
		code, stdout, stderr := command(t, context.Background(), contestants,
			append([]string{"-json", "-dir", smallTree(t)}, flags...)...)
		require.Equal(t, 0, code, stderr)
		var got report
		dec := json.NewDecoder(strings.NewReader(stdout))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(&got))
		require.False(t, dec.More(), "more than one value")

		assert.Equal(t, 41, got.Input.Files)
		assert.Equal(t, 1+40+7, got.Outcome.Words)
		assert.Positive(t, got.Outcome.Gzip)
		seen := map[string]row{}
		for _, w := range got.Rows {
			seen[w.Kind+" "+w.Metric] = w
			for _, s := range w.Rounds {
				assert.Len(t, s, got.Settings.Rounds)
			}
			assert.Contains(t, []string{winChannels, winPipe, winNeither}, w.Wins)
			if w.Metric == "throughput" || w.Metric[0] == 'p' {
				assert.Positive(t, w.Channels, w.Kind+w.Metric)
				assert.Positive(t, w.Pipe, w.Kind+w.Metric)
				require.NotNil(t, w.Ratio)
			}
		}
		assert.Len(t, seen, 3*6+4)
		assert.Equal(t, "higher", seen["count throughput"].Better)
		assert.Greater(t, seen["look-up allocs/message"].Channels, 1.0) // the reply channel
	}
}

func TestProfile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "profiles")
	code, _, stderr := command(t, context.Background(), contestants, "-dir", smallTree(t), "-profile", dir)
	require.Equal(t, 0, code, stderr)
	for _, name := range []string{"cpu.pprof", "heap.pprof", "trace.out"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
}

// faulty is a side with a fault between it and its clients.
type faulty struct {
	side
	fault func(*faulty, message, *answer) (drop bool)
	done  atomic.Bool
	asked atomic.Int64
}

func (f *faulty) once() bool { return f.done.CompareAndSwap(false, true) }

func (f *faulty) request(ctx context.Context, m message) (answer, error) {
	a, err := f.side.request(ctx, m)
	f.fault(f, m, &a)
	return a, err
}

func (f *faulty) send(ctx context.Context, m message) error {
	if f.fault(f, m, nil) {
		return nil
	}
	return f.side.send(ctx, m)
}

func TestFaultsAreDetected(t *testing.T) {
	dir := smallTree(t)
	for name, c := range map[string]struct {
		fault func(*faulty, message, *answer) bool
		want  string
	}{
		"a command is lost": {func(f *faulty, m message, _ *answer) bool {
			return m.kind == count && f.once()
		}, "41 commands were accepted, and 40 handled"},
		"a command is changed": {func(f *faulty, m message, _ *answer) bool {
			if m.kind == count && len(m.words) > 0 && f.once() {
				m.words[0].n++
			}
			return false
		}, "final index"},
		"one answer is wrong": {func(f *faulty, m message, a *answer) bool {
			if m.kind == lookUp && f.asked.Add(1) == 60 { // after the barrier and one of each word
				a.entry.count++
			}
			return false
		}, "the answer for"},
		"all answers to a word are wrong": {func(f *faulty, m message, a *answer) bool {
			if m.kind == lookUp && m.word == "common" {
				a.entry.files++
			}
			return false
		}, "answers to look-ups"},
		"a gzip size is wrong": {func(f *faulty, m message, a *answer) bool {
			if m.kind == digest && f.once() {
				a.digests.gzip++
			}
			return false
		}, "sum of gzip sizes"},
		"a SHA-256 is wrong": {func(f *faulty, m message, a *answer) bool {
			if m.kind == digest && f.once() {
				a.digests.sum[0]++
			}
			return false
		}, "SHA-256"},
	} {
		for k := range contestants {
			t.Run(name+"/"+contestants[k].name, func(t *testing.T) {
				sides := append([]contestant(nil), contestants...)
				sides[k].make = func(cfg config) (side, error) {
					s, err := contestants[k].make(cfg)
					return &faulty{side: s, fault: c.fault}, err
				}
				code, stdout, stderr := command(t, context.Background(), sides, "-dir", dir)
				assert.Equal(t, exitFailed, code)
				assert.Contains(t, stderr, c.want)
				assert.Contains(t, stderr, sides[k].name)
				assert.Empty(t, stdout)
			})
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"-nonsense"}, {"-clients", "0"}, {"-clients", "many"}, {"-queue", "-1"}, {"-queue", "1"}, {"-workers", "0"},
		{"-rounds", "0"}, {"-duration", "0s"}, {"-duration", "1h"}, {"rest"},
	} {
		code, stdout, stderr := command(t, context.Background(), contestants, args...)
		assert.Equal(t, exitUsage, code, args)
		assert.Contains(t, stderr, "usage: sparkpipe", args)
		assert.Empty(t, stdout)
	}
	code, _, stderr := command(t, context.Background(), contestants, "-h")
	assert.Equal(t, 0, code)
	assert.Contains(t, stderr, "-profile directory")
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(plain, nil, 0o666))
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "none",
		plain:                      "not a directory",
		dir:                        "no text files",
	} {
		code, stdout, stderr := command(t, context.Background(), contestants, "-dir", path)
		assert.Equal(t, exitFailed, code)
		assert.Contains(t, stderr, want)
		assert.Empty(t, stdout)
	}
	code, _, stderr := command(t, context.Background(), contestants, "-dir", smallTree(t), "-profile", plain)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, stderr, "-profile")

	locked := filepath.Join(dir, "locked")
	require.NoError(t, os.Mkdir(locked, 0))
	if _, err := os.ReadDir(locked); err == nil {
		return // root may read everything
	}
	code, _, stderr = command(t, context.Background(), contestants, "-dir", dir)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, stderr, "locked")
}

// An interrupt in the middle of each phase, on each side, ends the command with
// everything handled that was accepted.
func TestInterruptInEachPhase(t *testing.T) {
	dir := smallTree(t)
	for k := range contestants {
		for _, kind := range []kind{count, lookUp, digest} {
			ctx, cancel := context.WithCancel(context.Background())
			var once sync.Once
			sides := append([]contestant(nil), contestants...)
			sides[k].make = func(cfg config) (side, error) {
				s, err := contestants[k].make(cfg)
				return &faulty{side: s, fault: func(_ *faulty, m message, _ *answer) bool {
					if m.kind == kind {
						once.Do(cancel)
					}
					return false
				}}, err
			}
			code, _, stderr := command(t, ctx, sides, "-dir", dir)
			assert.Equal(t, exitInterrupted, code, stderr)
			assert.Contains(t, stderr, "interrupted: round 1 of 2")
			assert.Contains(t, stderr, "drained: ")
			cancel()
		}
	}
}

func TestWords(t *testing.T) {
	got := map[string]uint64{}
	for _, w := range newCounter().count("func f1(a_b int) { f1 += 0x1F; été 9z; a_b }\nf1") {
		got[w.word] = w.n
	}
	assert.Equal(t, map[string]uint64{"func": 1, "f1": 3, "a_b": 2, "int": 1, "t": 1}, got)
}

func TestJudge(t *testing.T) {
	w := row{Better: "lower", Rounds: [2]series{{100, 200, 300}, {400, 100, 100}}}
	w.judge()
	assert.Equal(t, winPipe, w.Wins)
	assert.Equal(t, 2, w.Won)
	assert.Equal(t, 2.0, *w.Ratio)
	assert.Equal(t, []float64{0.25, 3}, []float64{*w.Least, *w.Greatest})

	w = row{Better: "higher", Rounds: [2]series{{300, 200}, {100, 100}}}
	w.judge()
	assert.Equal(t, winChannels, w.Wins)
	assert.Equal(t, 2, w.Won)

	w = row{Better: "lower", Rounds: [2]series{{2}, {0}}}
	w.judge()
	assert.Equal(t, winPipe, w.Wins)
	assert.Nil(t, w.Ratio)

	w = row{Better: "lower", Rounds: [2]series{{100}, {101}}}
	w.judge()
	assert.Equal(t, winNeither, w.Wins)
}

func TestFormats(t *testing.T) {
	assert.Equal(t, "1,234,567", commas(1234567))
	assert.Equal(t, "123", commas(123))
	assert.Equal(t, "-1,000", commas(-1000))
	assert.Equal(t, "1.50 ms", row{Unit: "ns"}.show(float64(1500*time.Microsecond)))
}
