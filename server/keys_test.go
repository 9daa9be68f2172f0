package server_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/pool"
	"github.com/sparkpipe/sparkpipe/server"
)

// keyed is a handler that offloads what is at least 100, whose key is its last
// two digits. 99 is no key.
func keyed(f handlerFunc) server.Funcs[int, int] {
	h := offloading(f)
	h.Key = func(n int) (uint64, bool) { return uint64(n % 100), n%100 != 99 }
	return h
}

func noKeysInUse(t testing.TB, s srv) {
	t.Helper()
	keys, waiting := server.KeysInUse(s)
	require.Zero(t, keys, "keys are remembered")
	require.Zero(t, waiting)
}

// Messages of a key run one after the other, in their order, and each sees what
// the one before wrote: the state of a key has no lock, and the race detector
// looks on.
func TestKeyOrder(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		const senders, keysEach = 4, 20
		n := scaled(20_000)
		m.opts.Pool = newPool(t, pool.Options{Workers: 4, QueueSize: 8})
		m.opts.Queue.Capacity = 64
		var refused atomic.Int64
		m.opts.OnCommandError = func(_ any, err error) {
			if errors.Is(err, server.ErrPoolFull) {
				refused.Add(1)
			}
		}
		var last, handled [100]int
		h := keyed(func(_ context.Context, v int) (int, error) {
			k := v % 100
			if v%7 == 0 {
				runtime.Gosched()
			}
			if v <= last[k] && m.serial() {
				return 0, errTest
			}
			last[k] = v
			handled[k]++
			return v, nil
		})
		s, d := start(t, h, m.opts, dispatcher.Options{})
		var sends []func()
		for p := 0; p < senders; p++ {
			sends = append(sends, func() {
				for i := 1; i <= n; i++ {
					v := 100*i + p*keysEach + i*i%keysEach
					if i%16 == 0 {
						_, err := d.Request(context.Background(), v)
						if errors.Is(err, server.ErrPoolFull) {
							refused.Add(1)
						} else if err != nil {
							t.Error(err)
						}
					} else if err := d.Send(context.Background(), v); err != nil {
						t.Error(err)
					}
				}
			})
		}
		testx.Join(t, sends...)
		require.NoError(t, s.Shutdown(context.Background()))
		require.Zero(t, s.Stats().Failed, "out of order")
		total := 0
		for _, n := range handled {
			total += n
		}
		require.Equal(t, senders*n, total+int(refused.Load()))
		require.Positive(t, total)
		noKeysInUse(t, s)
	})
}

// Different keys run beside each other, and so do messages without one; those of
// one key do not.
func TestKeysRunInParallel(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 4})
	var four sync.WaitGroup
	four.Add(4)
	var running atomic.Int32
	s, d := start(t, keyed(func(_ context.Context, n int) (int, error) {
		if n%100 == 1 {
			if running.Add(1) != 1 {
				return 0, errTest
			}
			defer running.Add(-1)
		}
		if n < 500 {
			four.Done()
			four.Wait()
		}
		return n, nil
	}), server.Options{Pool: p}, dispatcher.Options{})
	within(t, "four calls that wait for each other", func() {
		var calls []*dispatcher.Call[int]
		for _, n := range []int{101, 501, 601, 102, 199, 299} { // 501 and 601 wait for 101
			c, err := d.Go(context.Background(), n)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		for _, c := range calls {
			_, err := c.Wait(context.Background())
			require.NoError(t, err)
		}
	})
	require.NoError(t, s.Shutdown(context.Background()))
	noKeysInUse(t, s)
}

// A key with too much to do is refused, by name, and takes no worker from the
// others and no time from the owner.
func TestBusyKey(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 2, QueueSize: 2})
		m.opts.Queue.Capacity = 4
		stuck, started := make(chan struct{}), make(chan struct{})
		s, d := start(t, keyed(func(_ context.Context, n int) (int, error) {
			if n == 101 {
				close(started)
				<-stuck
			}
			return n, nil
		}), m.opts, dispatcher.Options{})
		var calls []*dispatcher.Call[int]
		ask := func(n int) {
			c, err := d.Go(context.Background(), n)
			require.NoError(t, err)
			calls = append(calls, c)
		}
		ask(101)
		<-started
		for i := 2; i <= 5; i++ {
			ask(100*i + 1)
			// One at a time: with several loops their order is not that of the calls.
			testx.Eventually(t, func() bool { return s.Stats().Backlog == i-1 }, "it waits for its key")
		}
		_, err := d.Request(context.Background(), 601)
		require.Equal(t, server.ErrPoolFull, err)
		within(t, "the others", func() {
			for i := 0; i < 100; i++ {
				// Another key each time: a reply comes before its key is free again.
				_, err := d.Request(context.Background(), 102+i%90)
				require.NoError(t, err)
				_, err = d.Request(context.Background(), 1)
				require.NoError(t, err)
			}
		})
		close(stuck)
		for i, c := range calls {
			n, err := c.Wait(context.Background())
			require.NoError(t, err)
			require.Equal(t, 100*(i+1)+1, n)
		}
		_, err = d.Request(context.Background(), 601)
		require.NoError(t, err)
		require.NoError(t, s.Shutdown(context.Background()))
		require.EqualValues(t, 1, s.Stats().PoolFull)
		noKeysInUse(t, s)
	})
}

// With one worker, a key that always has more to do does not starve the others.
func TestBusyKeyAndOneWorker(t *testing.T) {
	p := newPool(t, pool.Options{Workers: 1, QueueSize: 2})
	_, d := start(t, keyed(func(_ context.Context, n int) (int, error) {
		runtime.Gosched()
		return n, nil
	}), server.Options{Pool: p}, dispatcher.Options{})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				d.Send(context.Background(), 101)
			}
		}
	}()
	within(t, "another key", func() {
		for i := 0; i < 100; i++ {
			_, err := d.Request(context.Background(), 102)
			for errors.Is(err, server.ErrPoolFull) {
				_, err = d.Request(context.Background(), 102)
			}
			require.NoError(t, err)
		}
	})
	close(stop)
	<-done
}

// A call that panics or calls Goexit lets the next one of its key run, and so
// does one that nobody waits for any more.
func TestKeyGoesOn(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 2})
		h := funcs(misbehave)
		h.Offload = func(int) bool { return true }
		h.Key = func(int) (uint64, bool) { return 7, true }
		s, d := start(t, h, m.opts, dispatcher.Options{})
		within(t, "the next of the key", func() {
			for i := 0; i < 20; i++ {
				var calls []*dispatcher.Call[int]
				gone, cancel := context.WithCancel(context.Background())
				for _, n := range []int{doPanic, 1, doGoexit, 2, doFail, 3} {
					ctx := context.Background()
					if n == 2 {
						ctx = gone
					}
					c, err := d.Go(ctx, n)
					require.NoError(t, err)
					calls = append(calls, c)
				}
				cancel()
				for i, c := range calls {
					_, err := c.Wait(context.Background())
					switch i {
					case 0:
						require.ErrorAs(t, err, new(*server.PanicError))
					case 2:
						require.Equal(t, server.ErrGoexit, err)
					case 3:
						require.True(t, err == nil || err == context.Canceled, "%v", err)
					case 4:
						require.Equal(t, errTest, err)
					default:
						require.NoError(t, err)
					}
				}
			}
		})
		require.NoError(t, s.Shutdown(context.Background()))
		require.EqualValues(t, 40, s.Stats().Panicked)
		noKeysInUse(t, s)
	})
}

// A Key that panics harms its message only.
func TestKeyPanics(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		m.opts.Pool = newPool(t, pool.Options{Workers: 1})
		h := offloading(echo)
		h.Key = func(n int) (uint64, bool) {
			if n == 113 {
				panic("unlucky")
			}
			return 1, true
		}
		s, d := start(t, h, m.opts, dispatcher.Options{})
		for i := 110; i < 120; i++ {
			_, err := d.Request(context.Background(), i)
			if i == 113 {
				require.ErrorAs(t, err, new(*server.PanicError))
			} else {
				require.NoError(t, err)
			}
		}
		require.NoError(t, s.Shutdown(context.Background()))
		noKeysInUse(t, s)
	})
}

func TestKeyOfMux(t *testing.T) {
	type save struct{ user string }
	var mux server.Mux
	byUser := server.Key(func(c save) (uint64, bool) { return server.HashKey(c.user), c.user != "" })
	server.RouteCommand(&mux, func(context.Context, save) error { return nil }, server.Offload(), byUser)
	key, ok := mux.Key(save{"a"})
	require.True(t, ok)
	require.Equal(t, server.HashKey("a"), key)
	other, _ := mux.Key(save{"b"})
	require.NotEqual(t, key, other)
	_, ok = mux.Key(save{})
	require.False(t, ok)
	_, ok = mux.Key(42)
	require.False(t, ok)
	require.Panics(t, func() { server.Key[int](nil) })
	require.PanicsWithValue(t, "server: Key of server_test.save for a route of int", func() {
		server.RouteCommand(&mux, func(context.Context, int) error { return nil }, byUser)
	})
}

// The key is found through Use and Supervise, and as a method.
func TestKeyIsKept(t *testing.T) {
	mw := func(next func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
		return next
	}
	for name, wrap := range map[string]func(h server.Handler[int, int]) server.Handler[int, int]{
		"as it is": func(h server.Handler[int, int]) server.Handler[int, int] { return h },
		"Use":      func(h server.Handler[int, int]) server.Handler[int, int] { return server.Use(h, mw) },
		"Supervise": func(h server.Handler[int, int]) server.Handler[int, int] {
			s, err := server.Supervise(func() (server.Handler[int, int], error) { return server.Use(h, mw), nil }, eager)
			require.NoError(t, err)
			return server.Use(s, mw)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &byKey{}
			p := newPool(t, pool.Options{Workers: 2})
			s, d := start(t, wrap(h), server.Options{Pool: p}, dispatcher.Options{})
			for i := 0; i < 100; i++ {
				require.NoError(t, d.Send(context.Background(), i))
			}
			require.NoError(t, s.Shutdown(context.Background()))
			require.Equal(t, 100, h.n)
			require.Equal(t, 100, h.asked)
			require.EqualValues(t, 100, s.Stats().Offloaded)
		})
	}
}

// byKey has a state that only its key keeps right.
type byKey struct{ n, asked int }

func (h *byKey) HandleRequest(context.Context, int) (int, error) { return 0, errTest }
func (h *byKey) HandleCommand(context.Context, int) error        { h.n++; return nil }
func (h *byKey) Offload(int) bool                                { return true }
func (h *byKey) Key(int) (uint64, bool)                          { h.asked++; return 3, true }
