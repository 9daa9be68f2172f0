package pprof

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"time"
)

// grace is how long a client may take to read a trace beyond the trace's own
// time. Until then it would hold the tracer.
const grace = 30 * time.Second

// home makes the page /debug/.
func (h *Handler) home() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<title>debug</title>\n<h1>debug</h1>\n<ul>\n" +
		"<li><a href=\"sparkpipe\">sparkpipe</a>: the numbers, as JSON, of<ul>\n")
	h.mu.Lock()
	for _, s := range h.sources {
		fmt.Fprintf(&b, "<li>%s</li>\n", html.EscapeString(s.Name))
	}
	h.mu.Unlock()
	b.WriteString("</ul></li>\n" +
		"<li><a href=\"stacks\">stacks</a>: of all goroutines; of those in a <a href=\"stacks?handlers\">handler call</a></li>\n" +
		"<li><a href=\"pprof/\">pprof</a>: profiles</li>\n</ul>\n")
	return b.Bytes(), nil
}

// list makes the page /debug/pprof/.
func list() ([]byte, error) {
	profiles := pprof.Profiles()
	slices.SortFunc(profiles, func(a, b *pprof.Profile) int { return cmp.Compare(a.Name(), b.Name()) })
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<title>profiles</title>\n<h1>profiles</h1>\n<table>\n<tr><th>entries</th><th>profile</th></tr>\n")
	for _, p := range profiles {
		link := url.URL{Path: p.Name(), RawQuery: "debug=1"} // escaped, and ./ before a name with a colon
		fmt.Fprintf(&b, "<tr><td>%d</td><td><a href=\"%s\">%s</a></td></tr>\n",
			p.Count(), html.EscapeString(link.String()), html.EscapeString(p.Name()))
	}
	b.WriteString("</table>\n<ul>\n" +
		"<li><a href=\"profile?seconds=30\">profile</a>: CPU, of 30 seconds</li>\n" +
		"<li><a href=\"trace?seconds=1\">trace</a>: execution, of one second</li>\n" +
		"<li><a href=\"goroutine?debug=2\">goroutine</a>: the stacks of all</li>\n</ul>\n")
	return b.Bytes(), nil
}

// serveProfile serves a profile of runtime/pprof.
func serveProfile(w http.ResponseWriter, r *http.Request, name string, query url.Values) {
	p := pprof.Lookup(name)
	if p == nil {
		fail(w, http.StatusNotFound, fmt.Sprintf("no profile %q", name))
		return
	}
	if query.Has("seconds") {
		fail(w, http.StatusBadRequest,
			"seconds: not for this profile; get it twice and compare with go tool pprof -diff_base")
		return
	}
	debug, err := number(query, "debug", 2)
	gc, err2 := number(query, "gc", 1)
	if err := errors.Join(err, err2); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	contentType, filename := "application/octet-stream", path.Base(name)+".pprof"
	if debug > 0 {
		contentType, filename = "text/plain; charset=utf-8", ""
	}
	send(w, r, contentType, filename, func() ([]byte, error) {
		if gc == 1 {
			runtime.GC()
		}
		var b bytes.Buffer
		err := p.WriteTo(&b, debug)
		return b.Bytes(), err
	})
}

// serveCPU serves a CPU profile. It is kept until it is complete, so that a
// client that reads slowly does not hold the profiler.
func serveCPU(w http.ResponseWriter, r *http.Request, query url.Values) {
	d, err := seconds(query, 30*time.Second)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	send(w, r, "application/octet-stream", "cpu.pprof", func() ([]byte, error) {
		defer patience(w, r, d)()
		var b bytes.Buffer
		if err := pprof.StartCPUProfile(&b); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBusy, err)
		}
		err := wait(r.Context(), d)
		pprof.StopCPUProfile()
		return b.Bytes(), err
	})
}

// serveTrace serves an execution trace, which can be too large to keep.
func serveTrace(w http.ResponseWriter, r *http.Request, query url.Values) {
	d, err := seconds(query, time.Second)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	describe(w, "application/octet-stream", "trace.out")
	if r.Method == http.MethodHead {
		return
	}
	defer patience(w, r, d)()
	if err := trace.Start(w); err != nil {
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("%v: %v", ErrBusy, err))
		return
	}
	wait(r.Context(), d) // either way, what there is is a trace
	trace.Stop()
}

// patience moves the deadline for the answer, which comes from the timeout of the
// http.Server, beyond d. The function it returns gives what is left to write the
// time that the server gives any answer, and without a timeout, takes the
// deadline from the connection. A w that has no deadlines needs none.
func patience(w http.ResponseWriter, r *http.Request, d time.Duration) (restore func()) {
	c := http.NewResponseController(w)
	c.SetWriteDeadline(time.Now().Add(d + grace))
	return func() {
		var deadline time.Time
		if srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && srv.WriteTimeout > 0 {
			deadline = time.Now().Add(srv.WriteTimeout)
		}
		c.SetWriteDeadline(deadline)
	}
}

// seconds returns the time that was asked for, or def if none was.
func seconds(query url.Values, def time.Duration) (time.Duration, error) {
	if !query.Has("seconds") {
		return def, nil
	}
	text := query.Get("seconds")
	s, err := strconv.ParseFloat(text, 64)
	d := time.Duration(s * float64(time.Second))
	if err != nil || !(s <= MaxProfile.Seconds()) || d <= 0 { // NaN is not <= anything
		return 0, fmt.Errorf("seconds: %q is not a number above 0 and up to %v", text, MaxProfile.Seconds())
	}
	return d, nil
}

// number returns the number from 0 to most that was asked for, or 0 if none was.
func number(query url.Values, key string, most int) (int, error) {
	if !query.Has(key) {
		return 0, nil
	}
	text := query.Get(key)
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s: %q is not a number from 0 to %d", key, text, most)
	}
	return n, nil
}
