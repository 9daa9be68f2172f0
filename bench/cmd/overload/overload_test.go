package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole command, for a moment each. What it measures is the machine's, which may do
// other things; what the numbers should be is TestSheddingPays's.
func TestCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "overload-x.txt")
	var stdout, stderr bytes.Buffer
	args := []string{"-rounds", "1", "-duration", "400ms", "-loads", "0.5,2", "-impl", "channel$|shed$", "-o", file}
	require.Zero(t, command(context.Background(), args, &stdout, &stderr), stderr.String())
	assert.Contains(t, stderr.String(), "2 times the capacity")
	r, err := readFile(file)
	require.NoError(t, err)
	require.Equal(t, []string{"0.5", "2"}, r.loads)
	require.Equal(t, []string{"channel", "sparkpipe-shed"}, r.impls)
	for _, impl := range r.impls {
		_, ok := r.get("2", impl, "good/capacity")
		require.True(t, ok)
	}
	sent, _ := r.get("2", "sparkpipe-shed", "sent/s")
	sum := 0.0
	for _, unit := range []string{"good/s", "late/s", "refused/s", "gone/s"} {
		v, ok := r.get("2", "sparkpipe-shed", unit)
		require.True(t, ok, unit)
		sum += v
	}
	assert.InDelta(t, sent, sum, 3, "each was rounded")

	md, err := os.ReadFile(filepath.Join(filepath.Dir(file), "overload.md"))
	require.NoError(t, err)
	for _, s := range []string{"[overload-x.txt](overload-x.txt)", "- capacity: ", "![", "| channel |", "| sparkpipe-shed |"} {
		assert.Contains(t, string(md), s)
	}
	svg, err := os.ReadFile(filepath.Join(filepath.Dir(file), "overload.svg"))
	require.NoError(t, err)
	assert.Contains(t, string(svg), "<svg")

	stdout.Reset()
	require.Zero(t, command(context.Background(), []string{"-report", file}, &stdout, &stderr))
	again, err := os.ReadFile(filepath.Join(filepath.Dir(file), "overload.md"))
	require.NoError(t, err)
	assert.Equal(t, string(md), string(again))
	assert.Contains(t, stdout.String(), "Goodput")
}

// Every contestant answers what it can, and nothing hangs or is lost.
func TestContestants(t *testing.T) {
	w := newWorker(20 * time.Microsecond)
	for _, c := range contestants {
		t.Run(c.name, func(t *testing.T) {
			s, err := c.start(w)
			require.NoError(t, err)
			n, err := s.request(context.Background(), 7)
			require.NoError(t, err)
			require.Equal(t, w.do(7), n)
			p, err := offer(context.Background(), s, 2000, time.Second, 20*time.Millisecond, 100*time.Millisecond, 1)
			require.NoError(t, err)
			require.InDelta(t, 200, p.sent, 100)
			require.Positive(t, p.good.Load())
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_, err = offer(ctx, s, 2000, time.Second, 0, time.Second, 1)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, s.stop())
		})
	}
}

// The short channel refuses what the long one has room for.
func TestRoomOfChannels(t *testing.T) {
	for name, refuses := range map[string]bool{"channel-reject": false, "channel-reject-32": true} {
		i := slices.IndexFunc(contestants, func(c contestant) bool { return c.name == name })
		require.NotEqual(t, -1, i, name)
		s, err := contestants[i].start(newWorker(time.Millisecond))
		require.NoError(t, err)
		var wg sync.WaitGroup
		var refused atomic.Int64
		for n := uint64(0); n < 100; n++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if _, err := s.request(context.Background(), n); err == errFull {
					refused.Add(1)
				}
			}()
		}
		wg.Wait()
		require.NoError(t, s.stop())
		require.Equal(t, refuses, refused.Load() > 0, name)
		require.LessOrEqual(t, refused.Load(), int64(100-32), name)
	}
}

// Rounds begin with another contestant each, and the report tells how far apart they were.
func TestRounds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "overload-x.txt")
	var stdout, stderr bytes.Buffer
	args := []string{"-rounds", "2", "-duration", "50ms", "-loads", "0.5", "-impl", "reject", "-o", file}
	require.Zero(t, command(context.Background(), args, &stdout, &stderr), stderr.String())
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	one, other := `.*impl=channel-reject-\d+ `, `.*impl=channel-reject-32-\d+ `
	require.Regexp(t, `(?s)round: 1\n`+one+other+`.*round: 2\n`+other+one, string(raw))
	r, err := readFile(file)
	require.NoError(t, err)
	require.Equal(t, []string{"channel-reject", "channel-reject-32"}, r.impls, "32 is no GOMAXPROCS")

	text := "go: go1.99\n"
	for i, p99 := range []string{"3000", "9000", "4000"} {
		text += fmt.Sprintf("round: %d\nBenchmarkOverload/load=2/impl=channel 1 0.9 good/capacity %s p99-us\n", i+1, p99)
	}
	r, err = read(strings.NewReader(text), "x")
	require.NoError(t, err)
	v, ok := r.get("2", "channel", "p99-us")
	require.True(t, ok)
	require.Equal(t, 4000.0, v)
	var md bytes.Buffer
	r.markdown(&md, "x")
	require.Contains(t, md.String(), "| channel | 4.00 (3.00 to 9.00) |")
	require.Contains(t, md.String(), "| channel | 0.90 |", "no spread, no more to say")
	require.Contains(t, md.String(), "- go: go1.99\n- rounds: 3")
	require.NotContains(t, md.String(), "- round: 1")
}

func TestCheck(t *testing.T) {
	line := func(load, good, p99 string) string {
		return "BenchmarkOverload/load=" + load + "/impl=sparkpipe-shed 1 " + good + " good/capacity " + p99 + " p99-us\n"
	}
	for name, tt := range map[string]struct{ text, want string }{
		"holds":   {line("0.9", "0.9", "4000") + line("2", "0.9", "12000") + line("4", "0.95", "100"), ""},
		"goodput": {line("0.9", "0.9", "4000") + line("2", "0.89", "1") + line("4", "1", "1"), "goodput at 2 times"},
		"latency": {line("0.9", "0.9", "4000") + line("2", "1", "1") + line("4", "1", "12001"), "percentile at 4 times"},
		"missing": {line("0.9", "0.9", "4000") + line("2", "1", "1"), "load 4"},
		"no calm": {line("2", "1", "1") + line("4", "1", "1"), "needs"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := read(strings.NewReader(tt.text), "x")
			require.NoError(t, err)
			if err := r.check(); tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-loads", "x"}, {"-loads", "0"}, {"-loads", ""}, {"-impl", "["}, {"-impl", "nobody"}, {"-duration", "0s"}, {"-work", "-1s"}, {"-rounds", "0"}, {"extra"}, {"-nonsense"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, command(context.Background(), args, nil, &stderr), args)
		require.NotEmpty(t, stderr.String())
	}
	var stderr bytes.Buffer
	require.Equal(t, exitFailed, command(context.Background(), []string{"-report", "no such file"}, nil, &stderr))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, exitInterrupted, command(ctx, []string{"-duration", "10s"}, nil, &stderr))
}

func TestNote(t *testing.T) {
	var p point
	p.note(nil, time.Millisecond, time.Second)
	p.note(nil, 2*time.Second, time.Second)
	p.note(dispatcher.ErrShed, 0, time.Second)
	p.note(errFull, 0, time.Second)
	p.note(context.DeadlineExceeded, 0, time.Second)
	p.note(os.ErrNotExist, 0, time.Second)
	require.Equal(t, [5]uint64{1, 1, 2, 1, 1}, [5]uint64{p.good.Load(), p.late.Load(), p.refused.Load(), p.gone.Load(), p.wrong.Load()})
}
