//go:build modelcheck && go1.23

package park

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sparkpipe/sparkpipe/internal/model"
)

func (q *items) take(done <-chan struct{}) bool {
	return q.tryTake() || q.gate.Until(q.tryTake, q.any, done, nil, nil) == Woken
}

func TestModelGate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		threads func(q *items, took func(bool)) []func()
		check   func(taken int, left uint64) error
	}{
		{"two takers, two putters", func(q *items, took func(bool)) []func() {
			take := func() { took(q.take(nil)) }
			return []func(){take, take, func() { q.put(1) }, func() { q.put(1) }}
		}, nil},
		{"two takers, one putter of two", func(q *items, took func(bool)) []func() {
			take := func() { took(q.take(nil)) }
			return []func(){take, take, func() { q.put(1); q.put(1) }}
		}, nil},
		{"the first taker may give up", func(q *items, took func(bool)) []func() {
			done := make(chan struct{})
			return []func(){
				func() { took(q.take(done)) },
				func() { took(q.take(nil)) },
				func() { model.Point(); close(done) },
				func() { q.put(1); q.put(1) },
			}
		}, nil},
		// Its place in the line is recycled, and must not bring an old token.
		{"who gave up comes again", func(q *items, took func(bool)) []func() {
			done := make(chan struct{})
			return []func(){
				func() { took(q.take(done) || q.take(nil)) },
				func() { took(q.take(nil)) },
				func() { model.Point(); close(done) },
				func() { q.put(1); q.put(1) },
			}
		}, nil},
		// The item of whoever gives up must wake the other one.
		{"one item, and who is woken may give up", func(q *items, took func(bool)) []func() {
			done := make(chan struct{})
			return []func(){
				func() {
					if q.take(done) {
						q.put(1) // what it did not want after all
					}
				},
				func() { took(q.take(nil)) },
				func() { model.Point(); close(done) },
				func() { q.put(1) },
			}
		}, func(taken int, left uint64) error {
			if taken != 1 {
				return fmt.Errorf("taken %d, left %d", taken, left)
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			model.Check(t, func() ([]func(), func() error) {
				q := &items{gate: Gate{Pool: new(sync.Pool)}}
				taken := 0
				threads := tt.threads(q, func(ok bool) {
					if ok {
						taken++
					}
				})
				return threads, func() error {
					if tt.check != nil {
						return tt.check(taken, q.n.Load())
					}
					if taken+int(q.n.Load()) != 2 {
						return fmt.Errorf("taken %d, left %d of 2", taken, q.n.Load())
					}
					return nil
				}
			})
		})
	}
}
