//go:build modelcheck && go1.23

package model_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/model"
	"github.com/sparkpipe/sparkpipe/internal/park"
)

// The explorer itself is tested by bugs that it must find.
func TestExploreFinds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		program model.Program
		want    string // of the error; empty: none
	}{
		{"nothing wrong", counts(func(n *atomic.Uint64) { n.Add(1) }), ""},
		{"lost update", counts(func(n *atomic.Uint64) { n.Store(n.Load() + 1) }), "lost update"},
		{"lost wake-up", sleeper(false), "deadlock or lost wake-up"},
		{"wake-up not lost", sleeper(true), ""},
		{"panic", func() ([]func(), func() error) {
			return []func(){func() { panic("oops") }}, func() error { return nil }
		}, "oops"},
		{"spinning for nothing", func() ([]func(), func() error) {
			return []func(){func() {
				for {
					model.Yield()
				}
			}}, func() error { return nil }
		}, "deadlock"},
		{"livelock", func() ([]func(), func() error) {
			n := new(atomic.Uint64)
			f := func() {
				for {
					n.Add(1)
					model.Yield()
				}
			}
			return []func(){f, f}, func() error { return nil }
		}, "livelock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, side := range []model.Side{model.BeforeAccess, model.AfterAccess} {
				res := model.Explore(side, 2, 10000, tt.program)
				if tt.want == "" {
					require.NoError(t, res.Err)
					require.True(t, res.Complete)
					continue
				}
				require.ErrorContains(t, res.Err, tt.want, "%s", side)
			}
		})
	}
}

// A plain field that is written too late shows only if the explorer may switch
// after an access.
func TestSides(t *testing.T) {
	for side, want := range map[model.Side]string{model.BeforeAccess: "", model.AfterAccess: "read before it was written"} {
		res := model.Explore(side, 2, 10000, func() ([]func(), func() error) {
			value, ready := 0, new(atomic.Uint32)
			return []func(){
				func() {
					ready.Store(1)
					value = 7
				},
				func() {
					for ready.Load() == 0 {
						model.Yield()
					}
					if value != 7 {
						panic("read before it was written")
					}
				},
			}, func() error { return nil }
		})
		if want == "" {
			require.NoError(t, res.Err)
		} else {
			require.ErrorContains(t, res.Err, want)
		}
	}
}

func counts(inc func(*atomic.Uint64)) model.Program {
	return func() ([]func(), func() error) {
		n := new(atomic.Uint64)
		f := func() { inc(n) }
		return []func(){f, f}, func() error {
			if n.Load() != 2 {
				return errors.New("lost update")
			}
			return nil
		}
	}
}

// sleeper parks after it announced itself, with or without a second look.
func sleeper(looksAgain bool) model.Program {
	return func() ([]func(), func() error) {
		item, waiting := new(atomic.Uint32), new(atomic.Uint32)
		token := park.NewToken()
		return []func(){
			func() {
				item.Store(1)
				if waiting.Load() == 1 {
					token.Give()
				}
			},
			func() {
				if item.Load() == 1 {
					return
				}
				waiting.Store(1)
				if looksAgain && item.Load() == 1 {
					return
				}
				token.Take()
			},
		}, func() error { return nil }
	}
}

// Choose must give every value.
func TestChoose(t *testing.T) {
	seen := map[[2]int]bool{}
	res := model.Explore(model.BeforeAccess, 0, 100, func() ([]func(), func() error) {
		var a, b int
		return []func(){func() { a, b = model.Choose(2), model.Choose(3) }}, func() error {
			seen[[2]int{a, b}] = true
			return nil
		}
	})
	require.NoError(t, res.Err)
	require.Len(t, seen, 6)
	require.Equal(t, 6, res.Schedules)
}
