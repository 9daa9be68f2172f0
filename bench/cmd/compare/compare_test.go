package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fixture(t *testing.T, name string) *results {
	f, err := readFile("testdata/" + name)
	require.NoError(t, err)
	return f
}

func (f *results) table(t *testing.T, bench, unit string) *table {
	for _, x := range f.benchmark(bench).tables() {
		if x.unit.name == unit {
			return x
		}
	}
	require.Fail(t, "no table", "%s of %s", unit, bench)
	return nil
}

func TestRead(t *testing.T) {
	f := fixture(t, "2026-01-02.txt")
	assert.Equal(t, []string{"go1.99"}, f.get("go"))
	assert.Equal(t, []string{"1", "2", "3"}, f.get("round"))
	assert.Equal(t, []string{"2"}, f.get("gomaxprocs"))
	assert.Equal(t, 3, f.rounds())
	var names []string
	for _, b := range f.benches {
		names = append(names, b.name)
	}
	assert.Equal(t, []string{"Request", "Fairness", "Queue", "Idle"}, names, "in the report's order")
	w := f.benchmark("Queue").row([]string{"shape=4P4C"}, "sec/op")
	assert.Equal(t, []string{"chan", "ring"}, w.impls)
	assert.InDeltaSlice(t, []float64{100e-9, 400e-9, 40e-9}, w.values["ring"], 1e-12)
	assert.Contains(t, f.facts(), "others used at most 0.10 cores in a round")
}

func TestReadRefuses(t *testing.T) {
	for _, s := range []string{"", "hello\n", "BenchmarkX/impl=a 1 NaN-ish ns/op\n"} {
		_, err := read(strings.NewReader(s), "some.txt")
		assert.ErrorContains(t, err, "some.txt", s)
	}
}

func TestRatios(t *testing.T) {
	q := fixture(t, "2026-01-02.txt").table(t, "Queue", "sec/op")
	assert.Equal(t, "chan", q.base)
	require.Len(t, q.rows, 2)

	won := q.rows[0].cells[1] // 40/10, 80/10, 10/2: round by round
	assert.Equal(t, "ring", won.impl)
	assert.InDelta(t, 5, won.ratio.median, 1e-9)
	assert.InDelta(t, 4, won.ratio.min, 1e-9)
	assert.InDelta(t, 8, won.ratio.max, 1e-9)
	assert.InDelta(t, 10e-9, won.value.median, 1e-15)
	assert.False(t, won.lost)
	assert.Equal(t, "10.0 ns ± 80%", won.text(q.unit))
	assert.Equal(t, "5.00x (4.00 to 8.00)", won.ratioText())

	lost := q.rows[1].cells[1] // 0.5, 0.25, 1.5: won in one round only
	assert.InDelta(t, 0.5, lost.ratio.median, 1e-9)
	assert.True(t, lost.lost)
	assert.False(t, q.rows[1].cells[0].against, "the base is not compared with itself")
}

// A contestant that is missing in a round moves nobody else's values, whether the
// file says where rounds begin or not.
func TestRoundsAreKept(t *testing.T) {
	for _, begin := range []string{"", "round: %d\n"} {
		var text strings.Builder
		for i, ns := range []int{100, 10, 100} {
			if begin != "" {
				fmt.Fprintf(&text, begin, i+1)
			}
			fmt.Fprintf(&text, "BenchmarkQueue/impl=chan 1 %d ns/op\n", ns)
			if ns == 100 {
				text.WriteString("BenchmarkQueue/impl=zenq 1 50 ns/op\n")
			}
		}
		f, err := read(strings.NewReader(text.String()), "some.txt")
		require.NoError(t, err)
		assert.Equal(t, 3, f.rounds())
		zenq := f.table(t, "Queue", "sec/op").rows[0].cells[1]
		assert.Equal(t, "2.00x", zenq.ratioText())
		assert.InDelta(t, 50e-9, zenq.value.median, 1e-15)
	}
}

func TestWhatIsMarkedAsLost(t *testing.T) {
	f := fixture(t, "2026-01-02.txt")
	r := f.table(t, "Request", "sec/op")
	assert.Equal(t, "ctx=none", r.common)
	assert.Equal(t, "clients=8", r.rows[1].shape)
	assert.InDelta(t, 0.5, r.rows[1].cells[1].ratio.median, 1e-9)
	assert.False(t, r.rows[1].cells[1].lost, "the mutex is not ours")

	jain := f.table(t, "Fairness", "jain").rows[0].cells[1]
	assert.InDelta(t, 1.8, jain.ratio.median, 1e-9, "more is better")
	assert.False(t, f.table(t, "Idle", "cpu-%").rows[0].cells[1].against, "too small to compare")

	none := f.table(t, "Fairness", "fewest/mean").rows[0].cells[1]
	assert.True(t, none.lost, "nothing at all is the worst")
}

func TestAllocations(t *testing.T) {
	f := fixture(t, "2026-01-02.txt")
	assert.Equal(t, "idiom 2 (144 B), mutex 0 (0 B), sparkpipe 0 (0 B)", f.benchmark("Request").allocations())
	assert.Empty(t, f.benchmark("Idle").allocations())
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, fixture(t, "2026-01-02.txt").print(&out))
	assert.Regexp(t, `shape=4P4C +60\.0 ns +0\.500x \(0\.250 to 1\.50\) LOST\n`, out.String())
	assert.Regexp(t, `clients=1 +600 ns +60\.0x +20\.0x\n`, out.String())
	assert.Contains(t, out.String(), "rows lost: 1 in every round, 1 in the median only\n")
}

// The report is made from the newest file and those of other machines and rivals,
// and from nothing else.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	copyFile := func(from, to string) {
		b, err := os.ReadFile(filepath.Join("testdata", from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), b, 0o666))
	}
	copyFile("2026-01-02.txt", "2026-01-02.txt")
	copyFile("rivals-go1.22.txt", "2025-12-31.txt") // older
	copyFile("rivals-go1.22.txt", "rivals-go1.22.txt")
	copyFile("2026-01-02.txt", "machine-old-2026-01-03.txt")
	copyFile("rivals-go1.22.txt", "overload-2026-01-03.txt") // of another command
	var stdout, stderr bytes.Buffer
	code := command(context.Background(), []string{"report", "-results", dir, "-markdown", filepath.Join(dir, "B.md")}, &stdout, &stderr)
	require.Zero(t, code, stderr.String())

	b, err := os.ReadFile(filepath.Join(dir, "B.md"))
	require.NoError(t, err)
	md := string(b)
	assert.Regexp(t, `(?s)Lost in every round:\n.*\| Fairness \|.*\nLost in the median of the rounds only, within the spread:\n.*\| Queues \|`, md)
	assert.Contains(t, md, "Lost in every round: none.\n")
	assert.Contains(t, md, "| Queues | shape=4P4C | time an op | ring | chan | 0.500x (0.250 to 1.50) |")
	assert.Contains(t, md, "| shape=4P4C | 60.0 ns ± 67% | **lost** 100 ns ± 300%<br>0.500x (0.250 to 1.50) |")
	assert.Contains(t, md, "| clients=1 | 600 ns ± 0% | 10.0 ns ± 0%<br>60.0x | 30.0 ns ± 0%<br>20.0x |")
	assert.Contains(t, md, "- go: go1.99\n")
	assert.Contains(t, md, "## Third-party rivals: go1.22\n")
	assert.Contains(t, md, "## On another machine: old-2026-01-03\n")
	assert.Contains(t, md, "xsync-mpmc")
	assert.NotContains(t, md, "2025-12-31")

	b, err = os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	html := string(b)
	assert.NotRegexp(t, `(?i)https?://|//[a-z]|@import|src=`, html, "the page needs nothing else")
	assert.Contains(t, html, "<summary>Lost in every round: 1</summary>")
	assert.Equal(t, 7, strings.Count(html, "<svg"), "Request, Fairness, Queue, twice; and the rival's")
	assert.Regexp(t, regexp.MustCompile(`class="lost"[^>]*>100 ns ± 300%<small>0\.500x`), html)
	assert.Contains(t, html, ">clients=8</text>", "the charts are labelled")
}

func TestReportWithoutResults(t *testing.T) {
	var stderr bytes.Buffer
	assert.Equal(t, exitFailed, command(context.Background(), []string{"report", "-results", t.TempDir()}, nil, &stderr))
	assert.Contains(t, stderr.String(), "has no results")
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]int{
		"":                     exitUsage,
		"walk":                 exitUsage,
		"run -count 0":         exitUsage,
		"run -benchtime 0s":    exitUsage,
		"run -no-such-flag":    exitUsage,
		"report bench/results": exitUsage,
		"-h":                   0,
		"run -h":               0,
	} {
		var stderr bytes.Buffer
		assert.Equal(t, want, command(context.Background(), strings.Fields(args), nil, &stderr), args)
		assert.NotEmpty(t, stderr.String(), args)
	}
}

func TestDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0123: "0.012", 0.5: "0.500", 1: "1.00", 26.94: "26.9", 999.4: "999", 14280: "14280",
	} {
		assert.Equal(t, want, digits(v))
	}
	for v, want := range map[float64]string{
		0: "0 ns", 8.8e-9: "8.80 ns", 999.4e-9: "999 ns", 999.9e-9: "1.00 µs", 0.0105: "10.5 ms", 2: "2.00 s",
	} {
		assert.Equal(t, want, seconds(v))
	}
}
