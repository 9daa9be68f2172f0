package server_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// Commands that are popped at once end as if they came one by one, whatever those
// before them did.
func TestCommandsInARow(t *testing.T) {
	boom := errors.New("boom")
	for _, m := range []mode{
		{"plain", server.Options{}},
		{"timing", server.Options{Timing: true}}, // which handles them one by one
		{"lanes", server.Options{Lanes: 2}},
	} {
		t.Run(m.name, func(t *testing.T) {
			type failure struct {
				n   int
				err error
			}
			var told []failure
			var handled []int
			away := make(chan int, 100)
			h := server.Funcs[int, int]{
				Request: func(_ context.Context, n int) (int, error) { handled = append(handled, n); return n, nil },
				Command: func(_ context.Context, n int) error {
					if n%10 == 7 {
						away <- n
						return nil
					}
					handled = append(handled, n)
					switch n % 10 {
					case 2:
						panic(boom)
					case 3:
						runtime.Goexit()
					case 4, 5:
						return boom
					}
					return nil
				},
				Offload: func(n int) bool {
					if n%10 == 8 {
						panic(boom)
					}
					return n%10 == 7
				},
			}
			m.opts.Pool = newPool(t, pool.Options{Workers: 1})
			m.opts.OnCommandError = func(cmd any, err error) {
				n := cmd.(int)
				told = append(told, failure{n, err})
				if n%10 == 5 {
					runtime.Goexit()
				}
			}
			s, d := newServer(t, h, m.opts, dispatcher.Options{})
			const n = 100
			var calls []*dispatcher.Call[int]
			for i := 0; i < n; i++ {
				if i%10 == 1 { // behind a command that does nothing special
					c, err := d.Go(context.Background(), i)
					require.NoError(t, err)
					calls = append(calls, c)
				} else {
					require.NoError(t, d.Send(context.Background(), i))
				}
			}
			run(t, s)
			for _, c := range calls {
				within(t, "a call", func() { _, _ = c.Wait(context.Background()) })
			}
			require.NoError(t, s.Shutdown(context.Background()))
			requireAccounts(t, s)

			var want, failed []int
			for i := 0; i < n; i++ {
				switch i % 10 {
				case 7, 8:
				default:
					want = append(want, i)
				}
				switch i % 10 {
				case 2, 3, 4, 5, 8:
					failed = append(failed, i)
				}
			}
			require.Equal(t, want, handled)
			require.Len(t, away, n/10)
			require.Len(t, told, len(failed))
			for i, f := range told {
				require.Equal(t, failed[i], f.n)
				var p *server.PanicError
				switch f.n % 10 {
				case 2, 8:
					require.ErrorAs(t, f.err, &p)
				case 3:
					require.ErrorIs(t, f.err, server.ErrGoexit)
				default:
					require.ErrorIs(t, f.err, boom)
				}
			}
			st := s.Stats()
			require.EqualValues(t, n/10*3, st.Panicked)
			require.EqualValues(t, n/10*2, st.Failed)
			require.EqualValues(t, n/10, st.NotOffloaded)
		})
	}
}

// A server that is closed in the middle refuses the rest, each once.
func TestCommandsClosedInARow(t *testing.T) {
	var handled, refused int
	var s srv
	s, d := newServer(t, funcs(func(_ context.Context, n int) (int, error) {
		if handled++; n == 5 {
			s.Close()
		}
		return n, nil
	}), server.Options{OnCommandError: func(_ any, err error) {
		if errors.Is(err, server.ErrServerClosed) {
			refused++
		}
	}}, dispatcher.Options{})
	for i := 0; i < 20; i++ {
		require.NoError(t, d.Send(context.Background(), i))
	}
	run(t, s)
	testx.Recv(t, s.Done())
	require.Equal(t, 6, handled)
	require.Equal(t, 14, refused)
	requireAccounts(t, s)
}

// Where pauses for more commands bring none, as where other programs leave the server
// and its senders one processor, they become rare.
func TestPausesAreLearned(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	require.Equal(t, 1000, server.PausesOf(true))
	require.Less(t, server.PausesOf(false), 100)
}
