package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

const (
	maxKey    = 256       // bytes of a key
	maxLine   = 4 << 10   // bytes of a line of the log
	maxBody   = 1 << 20   // bytes of any other body
	maxRounds = 1_000_000 // of a digest
	rounds    = 100       // of a digest that does not say
)

// service is the HTTP side. It knows nothing of what is behind the backend.
type service struct {
	backend backend
	tally   tally
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /kv/{key}", s.get)
	mux.HandleFunc("PUT /kv/{key}", s.put)
	mux.HandleFunc("POST /log", s.log)
	mux.HandleFunc("GET /log", s.tail)
	mux.HandleFunc("POST /digest", s.digest)
	return s.tally.count(mux)
}

func (s *service) get(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	v, err := s.backend.request(r.Context(), message{op: opGet, key: key})
	reply(w, r, v, err)
}

func (s *service) put(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	body, ok := bodyOf(w, r, maxBody)
	if !ok {
		return
	}
	if _, err := s.backend.request(r.Context(), message{op: opPut, key: key, body: body}); err != nil {
		fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// log answers 202: the line was accepted and will be logged, also if the
// service is told to end now.
func (s *service) log(w http.ResponseWriter, r *http.Request) {
	line, ok := bodyOf(w, r, maxLine)
	if !ok {
		return
	}
	if len(line) == 0 {
		http.Error(w, "empty line", http.StatusBadRequest)
		return
	}
	if err := s.backend.command(r.Context(), message{op: opLog, body: line}); err != nil {
		fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *service) tail(w http.ResponseWriter, r *http.Request) {
	lines, err := s.backend.request(r.Context(), message{op: opTail})
	reply(w, r, lines, err)
}

func (s *service) digest(w http.ResponseWriter, r *http.Request) {
	n := rounds
	if q := r.URL.Query().Get("rounds"); q != "" {
		var err error
		if n, err = strconv.Atoi(q); err != nil || n < 1 || n > maxRounds {
			http.Error(w, fmt.Sprintf("rounds must be from 1 to %d", maxRounds), http.StatusBadRequest)
			return
		}
	}
	body, ok := bodyOf(w, r, maxBody)
	if !ok {
		return
	}
	sum, err := s.backend.request(r.Context(), message{op: opDigest, body: body, rounds: n})
	reply(w, r, sum, err)
}

func keyOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	key := r.PathValue("key")
	if key == "" || len(key) > maxKey {
		http.Error(w, fmt.Sprintf("a key has from 1 to %d bytes", maxKey), http.StatusBadRequest)
		return "", false
	}
	return key, true
}

func bodyOf(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		return body, true
	}
	return nil, false
}

func reply(w http.ResponseWriter, r *http.Request, body []byte, err error) {
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) // who does not listen is not our concern
}

// fail turns an error of the backend into a status.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client has gone: no answer, and no implicit 200
	case errors.Is(err, dispatcher.ErrOverloaded), errors.Is(err, server.ErrServerClosed):
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, context.DeadlineExceeded): // dispatcher.ErrTimeout is one
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	case errors.Is(err, errNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// tally counts the requests that reached a handler, and what they got. Those
// whose handler panicked are gone, as fail does it when the client is.
type tally struct {
	requests, ok, notFound, unavailable, late, other, gone atomic.Uint64
}

func (t *tally) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.requests.Add(1)
		sw := &statusWriter{ResponseWriter: w}
		returned := false
		defer func() {
			if !returned {
				t.gone.Add(1)
				return
			}
			t.of(sw.status).Add(1)
		}()
		next.ServeHTTP(sw, r)
		returned = true
	})
}

func (t *tally) of(status int) *atomic.Uint64 {
	switch {
	case status < 300: // 0 too: the implicit 200
		return &t.ok
	case status == http.StatusNotFound:
		return &t.notFound
	case status == http.StatusServiceUnavailable:
		return &t.unavailable
	case status == http.StatusGatewayTimeout:
		return &t.late
	}
	return &t.other
}

// String is the first half of the summary. requests is the sum of the others:
// each handler call is in one of them.
func (t *tally) String() string {
	return fmt.Sprintf("requests=%d 2xx=%d 404=%d 503=%d 504=%d other=%d gone=%d", t.requests.Load(), t.ok.Load(),
		t.notFound.Load(), t.unavailable.Load(), t.late.Load(), t.other.Load(), t.gone.Load())
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
