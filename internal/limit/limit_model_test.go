//go:build modelcheck && go1.23

package limit

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/model"
)

const aToken = 1e9 // a second: one in each nanosecond, and a unit is one token

// modelled is a limiter with a clock, and what passed.
type modelled struct {
	*Limiter
	clock  atomic.Int64
	passed int
}

// newModelled returns a limiter of which the tokens that are not to be there have
// been taken.
func newModelled(burst, tokens int) *modelled {
	m := new(modelled)
	m.Limiter = New(aToken, burst, func() time.Duration { return time.Duration(m.clock.Load()) })
	for i := tokens; i < burst; i++ {
		m.Limiter.Allow()
	}
	return m
}

func (m *modelled) allow(times int) func() {
	return func() {
		for i := 0; i < times; i++ {
			if m.Limiter.Allow() {
				m.passed++
			}
		}
	}
}

func (m *modelled) ticks(times int) func() {
	return func() {
		for i := int64(1); i <= int64(times); i++ {
			m.clock.Store(i)
		}
	}
}

func (m *modelled) change(rate float64, burst int) func() {
	return func() { m.SetRate(rate, burst) }
}

// wait joins the line and leaves it, unless it passes at once.
func (m *modelled) wait() {
	w, outcome := m.join(never)
	switch {
	case w == nil && outcome == Passed:
		m.passed++
	case w != nil:
		if m.leave(w, Ended) == Passed {
			m.passed++
		}
	}
}

// brought returns the check that, with what is left, from least to most tokens
// have passed.
func (m *modelled) brought(least, most int) func() error {
	return func() error {
		during := m.passed
		for m.Limiter.Allow() && m.passed <= most {
			m.passed++
		}
		if m.line.first != nil || len(m.line.taken()) != 0 {
			return fmt.Errorf("somebody is still in the line")
		}
		if m.passed < least || m.passed > most {
			return fmt.Errorf("%d have passed, and %d with what is left, instead of %d to %d", during, m.passed, least, most)
		}
		return nil
	}
}

// Under every schedule what has passed and what is left is what there was and what
// time has brought: not one more, and none is lost; while the limit is changed and
// renewed, and places in advance are taken and given back.
func TestModelLimiter(t *testing.T) {
	t.Run("change", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(2, 1)
			return []func(){m.allow(2), m.allow(1), m.change(aToken, 2), m.ticks(1)}, m.brought(2, 2)
		})
	})
	t.Run("two changes", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(2, 2)
			return []func(){m.allow(2), m.change(aToken, 2), m.change(aToken/4, 2)}, m.brought(2, 2)
		})
	})
	t.Run("smaller burst", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(3, 3) // one is lost if none was taken before
			return []func(){m.allow(2), m.allow(1), m.change(aToken, 2)}, m.brought(2, 3)
		})
	})
	t.Run("renewal", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(2, 0)
			m.clock.Store(int64(m.current.Load().end)) // the bucket is full, and at its end
			return []func(){m.allow(2), m.allow(1), m.allow(1)}, m.brought(2, 2)
		})
	})
	t.Run("line", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(2, 0)
			return []func(){m.wait, m.wait, m.allow(1), m.ticks(1)}, m.brought(1, 1)
		})
	})
	t.Run("left too late", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(2, 0) // one is lost if another was taken behind it
			return []func(){m.wait, m.allow(1), m.ticks(2)}, m.brought(1, 2)
		})
	})
	t.Run("line and change", func(t *testing.T) {
		model.Check(t, func() ([]func(), func() error) {
			m := newModelled(2, 0)
			return []func(){m.wait, m.allow(1), m.change(aToken, 2), m.ticks(1)}, m.brought(1, 1)
		})
	})
}
