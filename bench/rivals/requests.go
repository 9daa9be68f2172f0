package rivals

import (
	"context"
	"fmt"
	"sync"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// Message is what a request carries: 16 bytes.
type Message struct{ Key, Value uint64 }

// Answer is its reply: the message's key, and the state after it.
type Answer struct{ Key, Sum uint64 }

// state is what the handler owns, on every side.
type state struct{ sum uint64 }

func (s *state) ask(m Message) Answer {
	s.sum += m.Value
	return Answer{m.Key, s.sum}
}

// Asked is a running server: Ask makes a round trip to it, and Close ends it and
// returns the sum of the values it has handled.
type Asked struct {
	Ask   func(context.Context, Message) (Answer, error)
	Close func() uint64
}

// Asking starts a server.
type Asking struct {
	Name string
	Open func() Asked
}

// Requests returns the contestants. Each obeys a ctx while it waits, but for
// idiom and mutex, which are the bare channel and the floor, and protoactor,
// which has a timeout instead.
func Requests() []Asking {
	return []Asking{
		{"idiom", func() Asked { return overIdiom(false) }},
		{"idiom-ctx", func() Asked { return overIdiom(true) }},
		{"mutex", overLock},
		{"sparkpipe", func() Asked { return overSparkpipe(server.CallerRunsAuto) }},
		{"sparkpipe-always", func() Asked { return overSparkpipe(server.CallerRunsAlways) }},
		{"sparkpipe-never", func() Asked { return overSparkpipe(server.CallerRunsNever) }},
		{"nats", overNATS},
		{"protoactor", overProtoactor},
	}
}

type result struct {
	answer Answer
	err    error
}

type envelope struct {
	msg   Message
	reply chan result
}

// overIdiom is a goroutine that owns the state, and a channel of envelopes with
// a fresh reply channel each; with selects on the context at both ends, or bare.
func overIdiom(obey bool) Asked {
	ch := make(chan envelope, 1024)
	done := make(chan uint64)
	go func() {
		var st state
		for e := range ch {
			e.reply <- result{answer: st.ask(e.msg)}
		}
		done <- st.sum
	}()
	a := Asked{
		Ask: func(_ context.Context, m Message) (Answer, error) {
			reply := make(chan result, 1)
			ch <- envelope{m, reply}
			r := <-reply
			return r.answer, r.err
		},
		Close: func() uint64 {
			close(ch)
			return <-done
		},
	}
	if obey {
		a.Ask = func(ctx context.Context, m Message) (Answer, error) {
			reply := make(chan result, 1)
			select {
			case ch <- envelope{m, reply}:
			case <-ctx.Done():
				return Answer{}, ctx.Err()
			}
			select {
			case r := <-reply:
				return r.answer, r.err
			case <-ctx.Done():
				return Answer{}, ctx.Err()
			}
		}
	}
	return a
}

// overLock is the floor for serial state: a lock around a direct call that
// recovers panics.
func overLock() Asked {
	var mu sync.Mutex
	var st state
	return Asked{
		Ask: func(_ context.Context, m Message) (a Answer, err error) {
			mu.Lock()
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("panic: %v", v)
				}
				mu.Unlock()
			}()
			return st.ask(m), nil
		},
		Close: func() uint64 { return st.sum },
	}
}

func overSparkpipe(runs server.CallerRuns) Asked {
	var st state
	ctx := context.Background()
	srv, err := server.New[Message, Answer](server.Funcs[Message, Answer]{
		Request: func(_ context.Context, m Message) (Answer, error) { return st.ask(m), nil },
	}, server.Options{CallerRuns: runs})
	must(err)
	d, err := dispatcher.New(srv, dispatcher.Options{})
	must(err)
	go srv.Run(ctx)
	return Asked{Ask: d.Request, Close: func() uint64 {
		must(srv.Shutdown(ctx))
		return st.sum
	}}
}

// must is for what cannot fail in a program that is right.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
