package pprof

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Handler is an http.Handler with the pages of an operator. Mount it at
// /debug/, or elsewhere with http.StripPrefix in front, which leaves /debug/:
//
//	/debug/                   what there is, as HTML
//	/debug/sparkpipe          the Stats of the sources, as JSON
//	/debug/stacks             the stacks of all goroutines, as text
//	/debug/stacks?handlers    of those that are in a handler call
//	/debug/pprof/             the profiles, as HTML
//	/debug/pprof/profile      a CPU profile; ?seconds=, 30 if there is none
//	/debug/pprof/trace        an execution trace; ?seconds=, 1 if there is none
//	/debug/pprof/NAME         any other profile: heap, goroutine, mutex, …;
//	                          ?debug=1 or 2 for text, ?gc=1 to collect before
//
// The JSON is an object with a member for each source, named as it is; durations are
// whole nanoseconds. That of a source that panicked or cannot be encoded is
// {"error": "…"}.
//
// The zero value serves without sources; Add and Remove change them at any time.
// All methods may be called from many goroutines at once. A Handler must not be
// copied.
//
// Seconds may have a fraction, and be no more than [MaxProfile]. A profile ends
// early when its client has gone, and may take longer than the WriteTimeout of
// the http.Server, which counts from its end. While another CPU profile runs, or
// another trace, the answer is 503 Service Unavailable; to what is asked wrongly
// it is 400 Bad Request.
//
// Mutex and block profiles are empty unless the program records them, with
// runtime.SetMutexProfileFraction and runtime.SetBlockProfileRate, or has run a
// [Capture]; no page changes these rates.
//
// The pages tell much of a program, and profiles slow it down: whoever can read
// them must be trusted.
type Handler struct {
	mu      sync.Mutex
	sources []Source
}

// MaxProfile is how long a CPU profile or a trace over HTTP can be.
const MaxProfile = 5 * time.Minute

// NewHandler returns a Handler with these sources. The error names those with an
// empty or a duplicate name, or without Stats.
func NewHandler(sources ...Source) (*Handler, error) {
	h := new(Handler)
	var failed error
	for i, s := range sources {
		if err := h.Add(s); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w (source %d of %d)", err, i+1, len(sources)))
		}
	}
	if failed != nil {
		return nil, failed
	}
	return h, nil
}

// ServeHTTP serves the pages. Methods other than GET and HEAD are answered 405
// Method Not Allowed; a HEAD does not profile.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "only GET and HEAD")
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	switch path := r.URL.Path; path {
	case "/debug", "/debug/pprof":
		// Relative to the page's own address, which http.StripPrefix may hide.
		w.Header().Set("Location", path[strings.LastIndexByte(path, '/')+1:]+"/")
		w.WriteHeader(http.StatusMovedPermanently)
	case "/debug/":
		send(w, r, "text/html; charset=utf-8", "", h.home)
	case "/debug/sparkpipe":
		send(w, r, "application/json", "", h.stats)
	case "/debug/stacks":
		send(w, r, "text/plain; charset=utf-8", "", func() ([]byte, error) {
			if !query.Has("handlers") {
				return Stacks(), nil
			}
			if kept := HandlerStacks(); len(kept) > 0 {
				return kept, nil
			}
			return []byte("no handler call is under way\n"), nil
		})
	case "/debug/pprof/":
		send(w, r, "text/html; charset=utf-8", "", list)
	case "/debug/pprof/profile":
		serveCPU(w, r, query)
	case "/debug/pprof/trace":
		serveTrace(w, r, query)
	default:
		name, ok := strings.CutPrefix(path, "/debug/pprof/")
		if !ok {
			fail(w, http.StatusNotFound, "no such page; the pages are under /debug/")
			return
		}
		serveProfile(w, r, name, query)
	}
}

// send answers with what body returns, as a file to save if it has a name. A
// HEAD is answered without calling body.
func send(w http.ResponseWriter, r *http.Request, contentType, filename string, body func() ([]byte, error)) {
	var page []byte
	if r.Method != http.MethodHead {
		var err error
		if page, err = body(); err != nil {
			fail(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	describe(w, contentType, filename)
	w.Write(page) // if it fails, the client has gone
}

// describe sets the headers of a page.
func describe(w http.ResponseWriter, contentType, filename string) {
	w.Header().Set("Content-Type", contentType)
	if filename != "" {
		w.Header().Set("Content-Disposition",
			mime.FormatMediaType("attachment", map[string]string{"filename": filename}))
	}
}

// fail answers with an error, marked so that go tool pprof shows the text.
func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Del("Content-Disposition")
	w.Header().Set("X-Go-Pprof", "1")
	http.Error(w, text, status)
}
