package server_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// What may happen in the middle of a RequestAll whose requests run on their caller:
// each ends as it does when they come one by one.

// many is a server whose handler does something with request 10 of 100.
type many struct {
	s       srv
	d       disp
	handled []int
	in      map[string]bool // the goroutines it ran on
	at10    func() error
}

func (m *many) handle(_ context.Context, n int) (int, error) {
	m.handled = append(m.handled, n)
	if n >= 0 && m.in != nil {
		m.in[goid()] = true
	}
	if n == 10 && m.at10 != nil {
		return n, m.at10()
	}
	return n, nil
}

// ask has the server handle 100 requests at once.
func (m *many) ask(t *testing.T, ctx context.Context) (out []dispatcher.Result[int], err error) {
	t.Helper()
	idle(t, m.s)
	m.handled = nil
	reqs := make([]int, 100)
	for i := range reqs {
		reqs[i] = i
	}
	out = make([]dispatcher.Result[int], len(reqs))
	err = m.d.RequestAll(ctx, reqs, out)
	return out, err
}

// stats are exact, since nobody has the role.
func (m *many) stats(t *testing.T) server.Stats {
	t.Helper()
	idle(t, m.s)
	return m.s.Stats()
}

func upTo(n int) (all []int) {
	for i := 0; i < n; i++ {
		all = append(all, i)
	}
	return all
}

// eachMany runs f where requests that find the server idle run on their callers, and
// where they do if the handler has proved fast: on a machine that has much else to do
// they may stop to.
func eachMany(t *testing.T, f func(t *testing.T, m *many)) {
	eachManyOnTheCaller(t, f)
	eachManyIn(t, server.CallerRunsAuto, "auto", func(t *testing.T, m *many) {
		prove(t, m.s, m.d, -1)
		f(t, m)
	})
}

func eachManyOnTheCaller(t *testing.T, f func(t *testing.T, m *many)) {
	eachManyIn(t, server.CallerRunsAlways, "always", f)
}

func eachManyIn(t *testing.T, runs server.CallerRuns, name string, f func(t *testing.T, m *many)) {
	for _, lanes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%s/lanes=%d", name, lanes), func(t *testing.T) {
			m := &many{}
			m.s, m.d = start(t, funcs(m.handle), server.Options{CallerRuns: runs, Lanes: lanes}, dispatcher.Options{})
			f(t, m)
		})
	}
}

func TestManyOnTheCaller(t *testing.T) {
	eachManyOnTheCaller(t, func(t *testing.T, m *many) {
		before := m.stats(t)
		out, err := m.ask(t, context.Background())
		require.NoError(t, err)
		for i, r := range out {
			require.Equal(t, dispatcher.Result[int]{Value: i}, r)
		}
		require.Equal(t, upTo(100), m.handled)
		st := m.stats(t)
		require.EqualValues(t, 100, st.Inline-before.Inline)
		m.in = map[string]bool{}
		_, err = m.ask(t, context.Background())
		require.NoError(t, err)
		require.Equal(t, map[string]bool{goid(): true}, m.in)
	})
}

func TestManyFail(t *testing.T) {
	boom := errors.New("boom")
	for name, fail := range map[string]func() error{
		"error":           func() error { return boom },
		"panic":           func() error { panic(boom) },
		"its own refusal": func() error { return server.ErrPoolFull },
	} {
		t.Run(name, func(t *testing.T) {
			eachMany(t, func(t *testing.T, m *many) {
				m.at10 = fail
				before := m.stats(t)
				out, err := m.ask(t, context.Background())
				for i, r := range out {
					switch {
					case i != 10:
						require.Equal(t, dispatcher.Result[int]{Value: i}, r)
					case name == "panic":
						var p *server.PanicError
						require.ErrorAs(t, r.Err, &p)
						require.Equal(t, boom, p.Value)
					default:
						require.Error(t, r.Err)
					}
				}
				if name == "its own refusal" {
					require.ErrorIs(t, err, server.ErrPoolFull)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, upTo(100), m.handled)
				st := m.stats(t)
				require.EqualValues(t, 1, st.Failed+st.Panicked-before.Failed-before.Panicked)
				require.EqualValues(t, 100, st.Inline+st.Requests-before.Inline-before.Requests)
			})
		})
	}
}

// A handler that ends the caller's goroutine ends nothing else.
func TestManyGoexit(t *testing.T) {
	eachManyOnTheCaller(t, func(t *testing.T, m *many) {
		m.at10 = func() error { runtime.Goexit(); return nil }
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = m.ask(t, context.Background())
			t.Error("RequestAll has returned")
		}()
		testx.Recv(t, gone)
		idle(t, m.s)
		require.Equal(t, upTo(11), m.handled)
		m.at10 = nil
		_, err := m.ask(t, context.Background())
		require.NoError(t, err)
		require.Equal(t, upTo(100), m.handled)
	})
}

// Who has queued something meanwhile does not wait for the rest.
func TestManyMakeRoom(t *testing.T) {
	eachManyOnTheCaller(t, func(t *testing.T, m *many) {
		m.at10 = func() error { return m.d.Send(context.Background(), -10) }
		_, err := m.ask(t, context.Background())
		require.NoError(t, err)
		want := append(append(upTo(11), -10), upTo(100)[11:]...)
		require.Equal(t, want, m.handled)
	})
}

func TestManyCtx(t *testing.T) {
	eachMany(t, func(t *testing.T, m *many) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		m.at10 = func() error { cancel(); return nil }
		out, err := m.ask(t, ctx)
		require.Equal(t, context.Canceled, err)
		require.Equal(t, upTo(11), m.handled)
		for i, r := range out {
			if i <= 10 {
				require.Equal(t, dispatcher.Result[int]{Value: i}, r)
			} else {
				require.Equal(t, dispatcher.Result[int]{Err: context.Canceled}, r)
			}
		}
	})
}

func TestManyClose(t *testing.T) {
	eachMany(t, func(t *testing.T, m *many) {
		m.at10 = func() error { m.s.Close(); return nil }
		out, err := m.ask(t, context.Background())
		require.ErrorIs(t, err, server.ErrServerClosed)
		require.Equal(t, upTo(11), m.handled)
		require.NoError(t, out[10].Err)
		for _, r := range out[11:] {
			require.ErrorIs(t, r.Err, server.ErrServerClosed)
		}
	})
}

// Requests that the server answers because it ends are not answered by a
// handler, and RequestAll says so.
func TestRequestAllTellsTheEnd(t *testing.T) {
	for name, want := range map[string]error{"ctx": context.Canceled, "close": server.ErrServerClosed} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				var s srv
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				m.opts.Concurrency = 0
				s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
					if n == 0 {
						if name == "ctx" {
							cancel()
						} else {
							s.Close()
						}
					}
					return n, nil
				}), m.opts, dispatcher.Options{})
				run(t, s)
				out := make([]dispatcher.Result[int], 10)
				require.Equal(t, want, d.RequestAll(ctx, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, out))
				require.Equal(t, want, out[9].Err)
			})
		})
	}
}

// A handler that turns out to be slow does not keep the caller for the rest.
func TestManySlow(t *testing.T) {
	m := &many{}
	slow := funcs(func(ctx context.Context, n int) (int, error) {
		if n >= 0 {
			time.Sleep(time.Millisecond)
		}
		return m.handle(ctx, n)
	})
	m.s, m.d = start(t, slow, server.Options{}, dispatcher.Options{})
	prove(t, m.s, m.d, -1)
	for i := 0; i < 3 && m.s.Stats().Fast; i++ { // one call in 64 is timed
		_, err := m.ask(t, context.Background())
		require.NoError(t, err)
	}
	require.False(t, m.s.Stats().Fast)
	m.in = map[string]bool{}
	_, err := m.ask(t, context.Background())
	require.NoError(t, err)
	require.NotContains(t, m.in, goid())
}
