//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, tt := range []struct {
		args   string
		status int
		says   string
	}{
		{"-help", 0, "-inflight"},
		{"-impl zenq", 2, `-impl is "zenq"`},
		{"-queue 0", 2, "-queue must be from 1 to 1048576"},
		{"-queue 1048577", 2, "-queue must be from 1 to 1048576"},
		{"-impl chan -queue 1048577", 2, "-queue must be from 1 to 1048576"},
		{"-impl chan -queue 99999999999999", 2, "-queue"},
		{"-workers -1", 2, "-workers must be from 0 to 10000"},
		{"-workers 10001", 2, "-workers must be from 0 to 10000"},
		{"-timeout -1s", 2, "-timeout must not be negative"},
		{"-inflight -1", 2, "-inflight must not be negative"},
		{"-timeout soon", 2, "invalid value"},
		{"extra", 2, "unexpected argument: extra"},
		{"-addr " + taken.Addr().String(), 1, "address already in use"},
		{"-impl chan -addr " + taken.Addr().String(), 1, "address already in use"},
	} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, tt.status, run(context.Background(), strings.Fields(tt.args), &stdout, &stderr), tt.args)
		assert.Contains(t, stderr.String(), tt.says, tt.args)
		assert.Empty(t, stdout.String(), tt.args)
	}
}

// Requests of many goroutines and a shutdown at the same moment: each has an
// outcome, and what was accepted was handled.
func TestShutdownUnderLoad(t *testing.T) {
	overBoth(t, config{queue: 64}, func(t *testing.T, c *client) {
		b := c.s.backend
		var done, refused atomic.Uint64
		var clients sync.WaitGroup
		for i := 0; i < 8; i++ {
			clients.Add(1)
			go func() {
				defer clients.Done()
				ctx := context.Background()
				for n := 0; ; n++ {
					var err error
					switch n % 3 {
					case 0:
						_, err = b.request(ctx, message{op: opPut, key: "k"})
					case 1:
						_, err = b.request(ctx, message{op: opDigest, rounds: 10})
					case 2:
						err = b.command(ctx, message{op: opLog})
					}
					if err != nil {
						refused.Add(1)
						assert.ErrorContains(t, err, "closed")
						return
					}
					done.Add(1)
				}
			}()
		}
		time.Sleep(20 * time.Millisecond)
		require.NoError(t, b.shutdown(context.Background()))
		clients.Wait()
		n := b.stats()
		assert.EqualValues(t, 8, refused.Load())
		assert.Equal(t, done.Load(), n.accepted+n.commands)
		assert.Equal(t, n.accepted, n.answered)
		assert.Equal(t, n.commands, n.handled)
	})
}

// The real program, a load, and SIGTERM in the middle of it: as many whole
// responses as there were requests that reached a handler.
func TestSIGTERM(t *testing.T) {
	program := filepath.Join(t.TempDir(), "hotpath")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, impl := range []string{"sparkpipe", "chan"} {
		t.Run("impl="+impl, func(t *testing.T) {
			cmd := exec.Command(program, "-addr", "127.0.0.1:0", "-impl", impl, "-workers", "1", "-timeout", "0")
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer cmd.Process.Kill()
			lines := bufio.NewScanner(stdout)
			require.True(t, lines.Scan())
			_, address, ok := strings.Cut(lines.Text(), "listening on ")
			require.True(t, ok, lines.Text())

			var l load
			var clients sync.WaitGroup
			for i := 0; i < 32; i++ {
				clients.Add(1)
				go func() {
					defer clients.Done()
					l.client(t, "http://"+address, i)
				}()
			}
			time.Sleep(500 * time.Millisecond)
			require.Eventually(t, func() bool { return l.responses.Load() > 0 }, time.Minute, time.Millisecond, "the load begins")
			l.signalled.Store(true)
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.True(t, lines.Scan(), "a summary")
			summary := lines.Text()
			assert.False(t, lines.Scan(), "one line")
			assert.NoError(t, cmd.Wait(), "exit status 0")
			clients.Wait()
			t.Log(summary)

			value := func(name string) (n uint64) {
				_, rest, ok := strings.Cut(summary, " "+name+"=")
				require.True(t, ok, name)
				_, err := fmt.Sscan(rest, &n)
				require.NoError(t, err)
				return n
			}
			assert.Positive(t, value("requests"))
			assert.Equal(t, l.responses.Load(), value("requests"))
			assert.Equal(t, l.responses.Load(), value("2xx"))
			assert.Equal(t, value("accepted"), value("answered"))
			assert.Equal(t, l.responses.Load()-l.logged.Load(), value("accepted"))
			assert.Equal(t, l.logged.Load(), value("commands"))
			assert.Equal(t, l.logged.Load(), value("handled"))
		})
	}
}

type load struct {
	signalled         atomic.Bool
	responses, logged atomic.Uint64
}

// client is one client, with one connection that it keeps alive, until there is
// no service any more. It counts whole responses, and checks what they say.
// After SIGTERM the end of its idle connection is an error that it meets with
// its next request, which net/http then sends again, on a new connection, and
// which is refused: no handler ever saw it.
func (l *load) client(t *testing.T, url string, id int) {
	web := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer web.CloseIdleConnections()
	for n := 0; ; n++ {
		method, path, body, status, want := "PUT", fmt.Sprint("/kv/", id), fmt.Sprint(n-n%4), http.StatusNoContent, ""
		switch n % 4 {
		case 1:
			method, body, status, want = "GET", "", http.StatusOK, body
		case 2:
			method, path, status = "POST", "/log", http.StatusAccepted
		case 3:
			method, path, status = "POST", "/digest?rounds=5000", http.StatusOK
			want = string(digest([]byte(body), 5000))
		}
		r, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if !assert.NoError(t, err) {
			return
		}
		resp, err := web.Do(r)
		if err != nil {
			assert.True(t, l.signalled.Load(), "%v before the signal", err)
			return // the sums tell whether a handler saw this one
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !assert.NoError(t, err, "half a response") || !assert.Equal(t, status, resp.StatusCode) ||
			!assert.Equal(t, want, string(got)) {
			return
		}
		l.responses.Add(1)
		if status == http.StatusAccepted {
			l.logged.Add(1)
		}
	}
}
