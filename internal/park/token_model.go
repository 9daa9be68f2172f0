//go:build modelcheck

package park

import (
	"time"

	"github.com/sparkpipe/sparkpipe/internal/model"
)

// Mutex is a lock whose acquisition is a scheduling point.
type Mutex struct{ locked bool }

func (m *Mutex) Lock() {
	model.Before()
	if m.locked {
		model.Block(func() bool { return !m.locked })
	}
	m.locked = true
	model.After()
}

func (m *Mutex) Unlock() {
	if !m.locked {
		panic("park: unlock of an unlocked mutex")
	}
	m.locked = false
	model.Changed()
	model.After()
}

// Token is the explorer's token.
type Token struct{ given *bool }

func NewToken() Token { return Token{new(bool)} }

func (t Token) Give() {
	model.Before()
	if *t.given {
		panic("park: a second token is out")
	}
	*t.given = true
	model.Changed()
	model.After()
}

func (t Token) Take() { t.TakeOr(nil, nil, nil) }

func (t Token) Given() bool {
	model.Before()
	defer model.After()
	return *t.given
}

func (t Token) TakeOr(done, also <-chan struct{}, expired <-chan time.Time) Reason {
	if len(expired) != 0 {
		panic("park: timers are not modelled; close a done channel instead")
	}
	model.Before()
	if !*t.given && !isClosed(done) && !isClosed(also) {
		model.Block(func() bool { return *t.given || isClosed(done) || isClosed(also) })
	}
	var ready []Reason
	if *t.given {
		ready = append(ready, Woken)
	}
	if isClosed(done) {
		ready = append(ready, Done)
	}
	if isClosed(also) {
		ready = append(ready, Also)
	}
	reason := ready[model.Choose(len(ready))] // select picks any case that is ready
	if reason == Woken {
		*t.given = false
	}
	model.After()
	return reason
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
