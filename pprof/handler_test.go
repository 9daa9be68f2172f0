package pprof_test

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/pprof"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

func newHandler(t testing.TB, sources ...pprof.Source) *pprof.Handler {
	t.Helper()
	h, err := pprof.NewHandler(sources...)
	require.NoError(t, err)
	return h
}

// do asks the handler, without a network.
func do(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func get(t testing.TB, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := do(h, "GET", target)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", target, w.Body)
	return w
}

// stats returns the page of numbers.
func stats(t testing.TB, h http.Handler) map[string]any {
	t.Helper()
	w := get(t, h, "/debug/sparkpipe")
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var page map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	return page
}

// All that has Stats is a source, the pool too, which the package does not
// import.
func TestStatsPage(t *testing.T) {
	ctx := context.Background()
	srv, d := start(t, server.Options{})
	_, err := d.Request(ctx, 1)
	require.NoError(t, err)
	require.NoError(t, srv.Shutdown(ctx)) // so that the numbers stand still
	ring, err := queue.NewRing[int](queue.Options{Capacity: 8})
	require.NoError(t, err)
	var q queue.Queue[int]
	q, err = queue.New[int](queue.Options{Backend: queue.BackendChan})
	require.NoError(t, err)
	tasks, err := pool.New(pool.Options{Workers: 3})
	require.NoError(t, err)
	defer tasks.Shutdown(ctx)

	page := stats(t, newHandler(t,
		pprof.Stats("server", srv), pprof.Stats("dispatcher", d), pprof.Stats("ring", ring),
		pprof.Stats("queue", q), pprof.Stats("pool", tasks),
		pprof.Source{Name: "own <&\"> name", Stats: func() any { return 7 }},
	))
	// What each is, is what encoding/json makes of its Stats.
	for name, want := range map[string]any{
		"server": srv.Stats(), "dispatcher": d.Stats(), "ring": ring.Stats(), "queue": q.Stats(),
		"pool": tasks.Stats(), "own <&\"> name": 7,
	} {
		text, err := json.Marshal(want)
		require.NoError(t, err)
		got, err := json.Marshal(page[name])
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(got), name)
	}
	require.Len(t, page, 6)
	require.EqualValues(t, 3, page["pool"].(map[string]any)["Workers"])
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("marshal") }

func TestStatsPageFailures(t *testing.T) {
	var none *server.Server[int, int]
	page := stats(t, newHandler(t,
		pprof.Source{Name: "good", Stats: func() any { return map[string]int{"n": 1} }},
		pprof.Source{Name: "panic", Stats: func() any { panic("boom") }},
		pprof.Source{Name: "marshal", Stats: func() any { return panics{} }},
		pprof.Source{Name: "chan", Stats: func() any { return make(chan int) }},
		pprof.Source{Name: "nan", Stats: func() any { return math.NaN() }},
		pprof.Stats("nil pointer", none),
	))
	require.Len(t, page, 6)
	require.Equal(t, map[string]any{"n": 1.0}, page["good"])
	require.Equal(t, map[string]any{"error": "panic: boom"}, page["panic"])
	for _, name := range []string{"marshal", "chan", "nan", "nil pointer"} {
		require.Contains(t, page[name], "error", name)
	}
}

func TestSourceErrors(t *testing.T) {
	one := func() any { return 1 }
	_, err := pprof.NewHandler(
		pprof.Source{Name: "twice", Stats: one}, pprof.Source{Name: "twice", Stats: one},
		pprof.Source{Name: "empty"}, pprof.Source{Stats: one}, pprof.Stats[int]("nil", nil),
	)
	for _, what := range []string{`"twice" is there already`, `"empty" has no Stats`, "empty name (source 4 of 5)", `"nil" has no Stats`} {
		require.ErrorContains(t, err, what)
	}

	var h pprof.Handler // the zero value serves
	require.Empty(t, stats(t, &h))
	require.NoError(t, h.Add(pprof.Source{Name: "a", Stats: one}))
	require.ErrorContains(t, h.Add(pprof.Source{Name: "a", Stats: one}), `"a"`)
	require.Equal(t, map[string]any{"a": 1.0}, stats(t, &h))
	require.False(t, h.Remove("b"))
	require.True(t, h.Remove("a"))
	require.False(t, h.Remove("a"))
	require.Empty(t, stats(t, &h))
}

func TestSourcesChangeWhileServing(t *testing.T) {
	h := newHandler(t, pprof.Source{Name: "stays", Stats: func() any { return 1 }})
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		all.Add(1)
		go func(name string) {
			defer all.Done()
			for i := 0; i < 100; i++ {
				if err := h.Add(pprof.Source{Name: name, Stats: func() any { return name }}); err != nil {
					t.Error(err)
				}
				if !h.Remove(name) {
					t.Error("gone: " + name)
				}
			}
		}(name)
	}
	for i := 0; i < 50; i++ {
		page := stats(t, h)
		require.Equal(t, 1.0, page["stays"])
		for name, v := range page {
			require.True(t, name == "stays" || name == v)
		}
		get(t, h, "/debug/")
	}
	all.Wait()
}

// A source may change the sources: no lock is held while it is asked.
func TestSourceUsesHandler(t *testing.T) {
	var h pprof.Handler
	require.NoError(t, h.Add(pprof.Source{Name: "a", Stats: func() any { return h.Remove("a") }}))
	require.Equal(t, map[string]any{"a": true}, stats(t, &h))
	require.Empty(t, stats(t, &h))
}

func TestMethods(t *testing.T) {
	h := newHandler(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"} {
		w := do(h, method, "/debug/pprof/profile?seconds=60")
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	// A HEAD has the headers, and none of the work.
	for _, page := range []string{"", "sparkpipe", "stacks", "pprof/", "pprof/heap", "pprof/profile?seconds=60", "pprof/trace?seconds=60"} {
		w := do(h, "HEAD", "/debug/"+page)
		require.Equal(t, http.StatusOK, w.Code, page)
		require.NotEmpty(t, w.Header().Get("Content-Type"))
		require.Empty(t, w.Body.Bytes(), page)
	}
	require.Equal(t, http.StatusBadRequest, do(h, "HEAD", "/debug/pprof/profile?seconds=0").Code)
}

// Links lead to pages, wherever the handler is mounted.
func TestMounted(t *testing.T) {
	h := newHandler(t, pprof.Source{Name: "<script>", Stats: func() any { return 1 }})
	mux := http.NewServeMux()
	mux.Handle("/debug/", h)
	mux.Handle("/ops/", http.StripPrefix("/ops", h))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	fetch := func(path string) (string, int, string) {
		resp, err := srv.Client().Get(srv.URL + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.Request.URL.Path, resp.StatusCode, string(body)
	}
	for _, prefix := range []string{"", "/ops"} {
		for _, path := range []string{"/debug", "/debug/pprof"} {
			end, code, body := fetch(prefix + path)
			require.Equal(t, http.StatusOK, code)
			require.Equal(t, prefix+path+"/", end)
			require.NotContains(t, body, "<script>")
			links := strings.Split(body, `<a href="`)[1:]
			require.NotEmpty(t, links)
			for _, link := range links {
				link, _, _ = strings.Cut(link, `"`)
				if link == "profile?seconds=30" || link == "trace?seconds=1" {
					continue
				}
				_, code, body := fetch(prefix + path + "/" + link)
				require.Equal(t, http.StatusOK, code, link)
				require.NotEmpty(t, body, link)
			}
		}
	}
	for _, path := range []string{"/debug/nothing", "/debug/pprof/nothing", "/debug/sparkpipe/", "/ops/else"} {
		_, code, _ := fetch(path)
		require.Equal(t, http.StatusNotFound, code, path)
	}
}

// Importing the package registers nothing.
func TestNoSideEffect(t *testing.T) {
	require.Equal(t, http.StatusNotFound, do(http.DefaultServeMux, "GET", "/debug/pprof/").Code)
	require.Equal(t, http.StatusNotFound, do(http.DefaultServeMux, "GET", "/debug/").Code)
}
