package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// client talks to a service of its own over loopback.
type client struct {
	t   *testing.T
	s   *service
	web *httptest.Server
}

// overBoth runs f over both backends.
func overBoth(t *testing.T, c config, f func(t *testing.T, c *client)) {
	for _, impl := range []string{"sparkpipe", "chan"} {
		t.Run("impl="+impl, func(t *testing.T) {
			c := c
			c.impl = impl
			if c.queue == 0 {
				c.queue = 1024
			}
			b, err := c.start()
			require.NoError(t, err)
			s := &service{backend: b}
			web := httptest.NewServer(s.handler())
			f(t, &client{t, s, web})
			web.Close() // waits for the handlers
			require.NoError(t, b.shutdown(context.Background()))
			n := b.stats()
			assert.Equal(t, n.accepted, n.answered)
			assert.Equal(t, n.commands, n.handled)
		})
	}
}

type answer struct {
	status int
	body   string
	header http.Header
}

func (c *client) do(method, path, body string) answer {
	a, err := c.try(context.Background(), method, path, body)
	if !assert.NoError(c.t, err) { // not require: other goroutines call this, too
		return answer{header: http.Header{}}
	}
	return a
}

func (c *client) try(ctx context.Context, method, path, body string) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.web.URL+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	resp, err := c.web.Client().Do(r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(all), resp.Header}, err
}

// stuck is a digest that says that it started, and waits until it is let go.
type stuck struct{ started, letGo chan struct{} }

func newStuck() stuck { return stuck{make(chan struct{}, 100), make(chan struct{})} }

func (s stuck) digest(body []byte, _ int) []byte {
	s.started <- struct{}{}
	<-s.letGo
	return body
}

func TestKV(t *testing.T) {
	overBoth(t, config{}, func(t *testing.T, c *client) {
		assert.Equal(t, http.StatusNotFound, c.do("GET", "/kv/a", "").status)
		assert.Equal(t, http.StatusNoContent, c.do("PUT", "/kv/a", "one").status)
		assert.Equal(t, http.StatusNoContent, c.do("PUT", "/kv/"+strings.Repeat("k", maxKey), "two").status)
		a := c.do("GET", "/kv/a", "")
		assert.Equal(t, http.StatusOK, a.status)
		assert.Equal(t, "one", a.body)
		assert.Equal(t, "application/octet-stream", a.header.Get("Content-Type"))
		assert.Equal(t, http.StatusNoContent, c.do("PUT", "/kv/a", "").status)
		a = c.do("GET", "/kv/a", "")
		assert.Equal(t, http.StatusOK, a.status, "an empty value is a value")
		assert.Empty(t, a.body)
	})
}

func TestLog(t *testing.T) {
	overBoth(t, config{}, func(t *testing.T, c *client) {
		var want []string
		for i := 0; i < logLines+10; i++ {
			line := fmt.Sprint("line ", i)
			require.Equal(t, http.StatusAccepted, c.do("POST", "/log", line).status)
			want = append(want, line)
		}
		// A command is handled before a request that comes after it.
		a := c.do("GET", "/log", "")
		assert.Equal(t, http.StatusOK, a.status)
		assert.Equal(t, strings.Join(want[10:], "\n")+"\n", a.body, "the newest lines")
	})
}

func TestDigest(t *testing.T) {
	overBoth(t, config{}, func(t *testing.T, c *client) {
		once := c.do("POST", "/digest?rounds=1", "abc")
		assert.Equal(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", once.body)
		twice := c.do("POST", "/digest?rounds=2", "abc")
		assert.Equal(t, "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358", twice.body)
		assert.Equal(t, c.do("POST", "/digest?rounds=100", "abc"), c.do("POST", "/digest", "abc"))
	})
}

func TestBadInput(t *testing.T) {
	overBoth(t, config{}, func(t *testing.T, c *client) {
		for _, tt := range []struct {
			method, path, body string
			status             int
		}{
			{"PUT", "/kv/" + strings.Repeat("k", maxKey+1), "v", http.StatusBadRequest},
			{"GET", "/kv/" + strings.Repeat("k", maxKey+1), "", http.StatusBadRequest},
			{"PUT", "/kv/a", strings.Repeat("v", maxBody+1), http.StatusRequestEntityTooLarge},
			{"POST", "/log", "", http.StatusBadRequest},
			{"POST", "/log", strings.Repeat("l", maxLine+1), http.StatusRequestEntityTooLarge},
			{"POST", "/digest", strings.Repeat("d", maxBody+1), http.StatusRequestEntityTooLarge},
			{"POST", "/digest?rounds=0", "d", http.StatusBadRequest},
			{"POST", "/digest?rounds=-1", "d", http.StatusBadRequest},
			{"POST", "/digest?rounds=1000001", "d", http.StatusBadRequest},
			{"POST", "/digest?rounds=many", "d", http.StatusBadRequest},
			{"POST", "/kv/a", "v", http.StatusMethodNotAllowed},
			{"GET", "/kv/a/b", "", http.StatusNotFound},
			{"GET", "/", "", http.StatusNotFound},
		} {
			a := c.do(tt.method, tt.path, tt.body)
			assert.Equal(t, tt.status, a.status, "%s %.20s", tt.method, tt.path)
		}
		empty := c.do("GET", "/kv/", "").status
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, empty)
		assert.Zero(t, c.s.backend.stats().accepted, "bad input stops at the handlers")
	})
}

// A worker that is stuck, and more digests than can wait: refusals, at once,
// and the others get their answers when the worker goes on.
func TestOverload(t *testing.T) {
	st := newStuck()
	overBoth(t, config{workers: 1, queue: 2, digest: func(b []byte, n int) []byte { return st.digest(b, n) }},
		func(t *testing.T, c *client) {
			st = newStuck()
			const n = 20
			answers := make(chan answer, n)
			post := func() { answers <- c.do("POST", "/digest", "d") }
			go post()
			<-st.started
			for i := 1; i < n; i++ {
				go post()
			}
			refused := <-answers
			assert.Equal(t, http.StatusServiceUnavailable, refused.status)
			assert.Equal(t, "1", refused.header.Get("Retry-After"))
			require.Eventually(t, func() bool {
				return c.do("PUT", "/kv/a", "v").status == http.StatusNoContent
			}, 10*time.Second, time.Millisecond, "the owner is not stuck")
			close(st.letGo)
			done := 0
			for i := 1; i < n; i++ {
				switch a := <-answers; a.status {
				case http.StatusOK:
					done++
				case http.StatusServiceUnavailable:
					assert.Equal(t, "1", a.header.Get("Retry-After"))
				default:
					assert.Fail(t, "unexpected status", a.status)
				}
			}
			assert.GreaterOrEqual(t, done, 3, "one on the worker, two waiting")
		})
}

func TestInflight(t *testing.T) {
	st := newStuck()
	overBoth(t, config{inflight: 1, digest: func(b []byte, n int) []byte { return st.digest(b, n) }},
		func(t *testing.T, c *client) {
			st = newStuck()
			first := make(chan answer, 1)
			go func() { first <- c.do("POST", "/digest", "d") }()
			<-st.started
			a := c.do("GET", "/kv/a", "")
			assert.Equal(t, http.StatusServiceUnavailable, a.status)
			assert.Equal(t, "1", a.header.Get("Retry-After"))
			assert.Equal(t, http.StatusAccepted, c.do("POST", "/log", "l").status, "commands are not in flight")
			close(st.letGo)
			assert.Equal(t, http.StatusOK, (<-first).status)
			assert.Equal(t, http.StatusNotFound, c.do("GET", "/kv/a", "").status)
		})
}

func TestTimeout(t *testing.T) {
	st := newStuck()
	overBoth(t, config{timeout: 20 * time.Millisecond, digest: func(b []byte, n int) []byte { return st.digest(b, n) }},
		func(t *testing.T, c *client) {
			st = newStuck()
			a := c.do("POST", "/digest", "d")
			assert.Equal(t, http.StatusGatewayTimeout, a.status)
			assert.Empty(t, a.header.Get("Retry-After"))
			close(st.letGo)
		})
}

// A client that goes away gets nothing, and its digest, still waiting, is not
// computed.
func TestClientGone(t *testing.T) {
	st := newStuck()
	overBoth(t, config{workers: 1, digest: func(b []byte, n int) []byte { return st.digest(b, n) }},
		func(t *testing.T, c *client) {
			st = newStuck()
			first := make(chan answer, 1)
			go func() { first <- c.do("POST", "/digest", "d") }()
			<-st.started
			ctx, cancel := context.WithCancel(context.Background())
			left := make(chan error, 1)
			go func() {
				_, err := c.try(ctx, "POST", "/digest", "d")
				left <- err
			}()
			require.Eventually(t, func() bool { return c.s.backend.stats().accepted == 2 }, 10*time.Second, time.Millisecond)
			cancel()
			require.ErrorIs(t, <-left, context.Canceled)
			require.Eventually(t, func() bool { return c.s.tally.gone.Load() == 1 }, 10*time.Second, time.Millisecond)
			close(st.letGo)
			assert.Equal(t, http.StatusOK, (<-first).status)
			require.NoError(t, c.s.backend.shutdown(context.Background()))
			assert.Empty(t, st.started, "nobody computes for a client that has gone")
		})
}

func TestAfterShutdown(t *testing.T) {
	overBoth(t, config{}, func(t *testing.T, c *client) {
		require.NoError(t, c.s.backend.shutdown(context.Background()))
		for _, path := range []string{"/log", "/digest"} {
			a := c.do("POST", path, "x")
			assert.Equal(t, http.StatusServiceUnavailable, a.status)
			assert.Equal(t, "1", a.header.Get("Retry-After"))
		}
		require.NoError(t, c.s.backend.shutdown(context.Background()), "twice")
	})
}

func TestFail(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		retry  string
	}{
		{dispatcher.ErrQueueFull, http.StatusServiceUnavailable, "1"},
		{dispatcher.ErrInFlight, http.StatusServiceUnavailable, "1"},
		{server.ErrPoolFull, http.StatusServiceUnavailable, "1"},
		{server.ErrServerClosed, http.StatusServiceUnavailable, "1"},
		{dispatcher.ErrTimeout, http.StatusGatewayTimeout, ""},
		{context.DeadlineExceeded, http.StatusGatewayTimeout, ""},
		{errNotFound, http.StatusNotFound, ""},
		{errors.New("other"), http.StatusInternalServerError, ""},
	} {
		w := httptest.NewRecorder()
		fail(w, httptest.NewRequest("GET", "/", nil), tt.err)
		assert.Equal(t, tt.status, w.Code, tt.err)
		assert.Equal(t, tt.retry, w.Header().Get("Retry-After"), tt.err)
	}
}
