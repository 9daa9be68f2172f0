package pprof_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	rpprof "runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/pprof"
	"github.com/sparkpipe/sparkpipe/server"
)

// The Names of servers and pools are in the profiles.
func TestLabels(t *testing.T) {
	_, d := start(t, server.Options{Name: "labelled-server", CallerRuns: server.CallerRunsNever})
	_, err := d.Request(context.Background(), 1)
	require.NoError(t, err)
	tasks, err := pool.New(pool.Options{Name: "labelled-pool"})
	require.NoError(t, err)
	running, stop := make(chan struct{}), make(chan struct{})
	require.NoError(t, tasks.Submit(context.Background(), pool.Func(func() { close(running); <-stop })))
	<-running

	h := newHandler(t)
	text := get(t, h, "/debug/pprof/goroutine?debug=1").Body.String()
	require.Contains(t, text, `{"server":"labelled-server"}`)
	require.Contains(t, text, `{"pool":"labelled-pool"}`)
	require.Contains(t, gunzip(t, get(t, h, "/debug/pprof/goroutine").Body.Bytes()), "labelled-server")

	close(stop)
	require.NoError(t, tasks.Shutdown(context.Background()))
}

// A profile of the program, whose name takes care to write. There can be one of
// this name in a process.
var own = rpprof.NewProfile(`example.com/own "profile"`)

func TestNamedProfiles(t *testing.T) {
	own.Add(t, 0)
	defer own.Remove(t)
	h := newHandler(t)
	for _, name := range []string{"heap", "allocs", "mutex", "block", "goroutine", "threadcreate", "example.com/own%20%22profile%22"} {
		w := get(t, h, "/debug/pprof/"+name)
		gunzip(t, w.Body.Bytes())
		require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
		require.Contains(t, w.Header().Get("Content-Disposition"), ".pprof")
		w = get(t, h, "/debug/pprof/"+name+"?debug=1")
		require.Contains(t, w.Header().Get("Content-Type"), "text/plain")
		require.NotEmpty(t, w.Body.String())
	}
	require.Contains(t, get(t, h, "/debug/pprof/goroutine?debug=2").Body.String(), "TestNamedProfiles")
	gunzip(t, get(t, h, "/debug/pprof/heap?gc=1").Body.Bytes())
	require.Contains(t, get(t, h, "/debug/pprof/").Body.String(), "example.com/own%20%22profile%22")
}

func TestBadQueries(t *testing.T) {
	began := time.Now()
	h := newHandler(t)
	for _, page := range []string{"profile", "trace"} {
		for _, seconds := range []string{"0", "-1", "300.1", "1e9", "NaN", "Inf", "-Inf", "1e-12", "1e999", "", "x", "1s"} {
			w := do(h, "GET", "/debug/pprof/"+page+"?seconds="+seconds)
			require.Equal(t, http.StatusBadRequest, w.Code, "%s?seconds=%s", page, seconds)
			require.Contains(t, w.Body.String(), "seconds: ")
			require.Empty(t, w.Header().Get("Content-Disposition"))
		}
	}
	for _, query := range []string{"debug=3", "debug=-1", "debug=x", "debug=", "gc=2", "seconds=1", "debug=1;gc=1", "%zz"} {
		w := do(h, "GET", "/debug/pprof/heap?"+query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.NotEmpty(t, w.Body.String())
	}
	require.Less(t, time.Since(began), patience)
}

func TestCPUAndTrace(t *testing.T) {
	burn(t)
	h := newHandler(t)
	sees(t, func() bool {
		// Both at once: they are two profilers.
		var both sync.WaitGroup
		both.Add(1)
		go func() {
			defer both.Done()
			checkTrace(t, get(t, h, "/debug/pprof/trace?seconds=0.2").Body.Bytes())
		}()
		w := get(t, h, "/debug/pprof/profile?seconds=0.3")
		both.Wait()
		require.Equal(t, `attachment; filename=cpu.pprof`, w.Header().Get("Content-Disposition"))
		return strings.Contains(gunzip(t, w.Body.Bytes()), "pprof_test.burning")
	})
}

func TestProfilerInUse(t *testing.T) {
	h := newHandler(t)
	busy := func(page string) {
		t.Helper()
		w := do(h, "GET", "/debug/pprof/"+page+"?seconds=0.01")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, w.Body.String(), pprof.ErrBusy.Error())
		require.Equal(t, "1", w.Header().Get("X-Go-Pprof"))
		require.Empty(t, w.Header().Get("Content-Disposition"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- pprof.Capture(ctx, t.TempDir(), patience) }()
	testx.Eventually(t, trace.IsEnabled, "the Capture starts")
	busy("trace")
	// Asking for a profile would tell, too, and take the profiler from the Capture.
	testx.Eventually(t, func() bool { return strings.Contains(string(pprof.Stacks()), "runtime/pprof.profileWriter") }, "the CPU profile starts")
	busy("profile")
	cancel()
	require.Equal(t, context.Canceled, <-ended)
	get(t, h, "/debug/pprof/profile?seconds=0.01")
}

// A profile ends with its client.
func TestClientGone(t *testing.T) {
	begun, served := make(chan struct{}, 1), make(chan struct{}, 1)
	h := newHandler(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		h.ServeHTTP(w, r)
		served <- struct{}{}
	}))
	defer srv.Close()
	for _, page := range []string{"profile", "trace"} {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-begun
			time.Sleep(50 * time.Millisecond) // it profiles, or is about to
			cancel()
		}()
		req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/debug/pprof/"+page+"?seconds=299", nil)
		require.NoError(t, err)
		resp, err := srv.Client().Do(req)
		if err == nil { // of a trace, the beginning has come
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		require.ErrorIs(t, err, context.Canceled)
		select {
		case <-served:
		case <-time.After(patience):
			t.Fatal("the profile goes on")
		}
		get(t, h, "/debug/pprof/"+page+"?seconds=0.01") // the profiler is free
	}
}

// The timeouts of an http.Server do not cut a profile short, and hold for the
// next request of the connection.
func TestServerTimeouts(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/debug/", newHandler(t))
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(400 * time.Millisecond)
		fmt.Fprint(w, "too late")
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ReadTimeout = 200 * time.Millisecond
	srv.Config.WriteTimeout = 200 * time.Millisecond
	srv.Start()
	defer srv.Close()
	for _, page := range []string{"profile", "trace"} {
		var body []byte
		sees(t, func() bool {
			// The server's timeouts hold until the handler has begun, and a machine may
			// stand still for so long.
			resp, err := srv.Client().Get(srv.URL + "/debug/pprof/" + page + "?seconds=0.5")
			if err != nil {
				return false
			}
			body, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
			return err == nil
		})
		if page == "trace" {
			checkTrace(t, body)
		} else {
			gunzip(t, body)
		}
	}
	_, err := srv.Client().Get(srv.URL + "/slow")
	require.Error(t, err)
}

// deadlines is a response that remembers its deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A connection has the deadline of its server afterwards, or none, so that the
// next answers on it do not fail.
func TestDeadlineAfterwards(t *testing.T) {
	h := newHandler(t)
	for _, timeout := range []time.Duration{0, time.Hour} {
		for _, page := range []string{"profile", "trace"} {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequest("GET", "/debug/pprof/"+page+"?seconds=0.01", nil)
			srv := &http.Server{WriteTimeout: timeout}
			began := time.Now()
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, srv)))
			require.Equal(t, http.StatusOK, w.Code)
			require.Len(t, w.set, 2)
			require.True(t, w.set[0].After(began))
			if timeout == 0 {
				require.Zero(t, w.set[1])
			} else {
				require.WithinDuration(t, began.Add(timeout), w.set[1], patience)
			}
		}
	}
}

func TestStacks(t *testing.T) {
	const many = 1000 // more than fit into the first buffer
	stop := make(chan struct{})
	var started, ended sync.WaitGroup
	started.Add(many)
	ended.Add(many)
	for i := 0; i < many; i++ {
		go func() { defer ended.Done(); started.Done(); standing(stop) }()
	}
	started.Wait()
	testx.Eventually(t, func() bool {
		return strings.Count(string(pprof.Stacks()), "pprof_test.standing(") == many
	}, "all goroutines are in the dump")
	w := get(t, newHandler(t), "/debug/stacks")
	require.Contains(t, w.Header().Get("Content-Type"), "text/plain")
	require.Equal(t, many, strings.Count(w.Body.String(), "pprof_test.standing("))
	require.Contains(t, w.Body.String(), "TestStacks")
	require.True(t, strings.HasSuffix(w.Body.String(), "\n"))
	close(stop)
	ended.Wait()
}

//go:noinline
func standing(stop <-chan struct{}) { <-stop }
