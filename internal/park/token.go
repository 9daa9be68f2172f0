//go:build !modelcheck

package park

import (
	"sync"
	"time"
)

// Mutex is sync.Mutex; under the tag modelcheck it is the explorer's.
type Mutex = sync.Mutex

// Token parks one goroutine until another gives it the token. At most one
// token is out at a time: who gives knows, from the word that the two share,
// that the other side waits for exactly this one.
//
// It is a channel rather than a semaphore of the runtime so that a wait can be
// combined with a context and a timer, and so that testing/synctest sees the
// sleeper as durably blocked.
type Token struct{ ch chan struct{} }

// NewToken returns a token that has not been given.
func NewToken() Token { return Token{make(chan struct{}, 1)} }

// Give lets the goroutine in Take go on, or the next one that calls it. It
// never blocks as long as at most one token is out.
func (t Token) Give() { t.ch <- struct{}{} }

// Take waits for the token.
func (t Token) Take() { <-t.ch }

// Given reports whether the token is there to be taken.
func (t Token) Given() bool { return len(t.ch) > 0 }

// TakeOr waits for the token, for one of the two channels to be closed, or for
// expired to deliver. Nil channels never end the wait.
func (t Token) TakeOr(done, also <-chan struct{}, expired <-chan time.Time) Reason {
	// A select costs by the number of its cases, and nearly all waits need
	// one or two of them.
	switch {
	case done == nil && also == nil && expired == nil:
		<-t.ch
		return Woken
	case also == nil && expired == nil:
		select {
		case <-t.ch:
			return Woken
		case <-done:
			return Done
		}
	}
	select {
	case <-t.ch:
		return Woken
	case <-done:
		return Done
	case <-also:
		return Also
	case <-expired:
		return Expired
	}
}
