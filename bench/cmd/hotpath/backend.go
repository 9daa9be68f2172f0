package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// backend is what the HTTP handlers send to. There are two: sparkpipe.go and
// chan.go. Both run the same store and fail with the same errors:
// dispatcher.ErrOverloaded, context.DeadlineExceeded, server.ErrServerClosed,
// errNotFound, or that of the caller's ctx.
type backend interface {
	// request waits for the reply.
	request(ctx context.Context, m message) ([]byte, error)
	// command waits until m is accepted, and not for its handling.
	command(ctx context.Context, m message) error
	// shutdown refuses what is new and returns when all that was accepted has
	// been handled, or with an error when ctx ends first.
	shutdown(ctx context.Context) error
	// stats may be called at any time; after shutdown it is exact.
	stats() stats
}

// stats is what a backend counted.
type stats struct {
	accepted uint64 // requests that were accepted
	answered uint64 // of those, the ones that have an outcome, their callers' deadlines included
	commands uint64 // commands that were accepted
	handled  uint64 // of those, the ones that were handled
}

// config is the command line.
type config struct {
	addr     string
	impl     string
	queue    int
	workers  int
	timeout  time.Duration
	inflight int

	digest func(body []byte, rounds int) []byte // nil: digest; tests put in one that blocks
}

// What either backend can be asked for. The makers of channels panic for what has no
// room, and goroutines are started without asking.
const (
	maxQueue   = 1 << 20
	maxWorkers = 10_000
)

// start returns the backend that c names. Both get the same limits.
func (c config) start() (backend, error) {
	switch {
	case c.queue < 1 || c.queue > maxQueue:
		return nil, fmt.Errorf("-queue must be from 1 to %d", maxQueue)
	case c.workers < 0 || c.workers > maxWorkers:
		return nil, fmt.Errorf("-workers must be from 0 to %d", maxWorkers)
	case c.timeout < 0:
		return nil, errors.New("-timeout must not be negative")
	case c.inflight < 0:
		return nil, errors.New("-inflight must not be negative")
	}
	if c.workers == 0 {
		c.workers = runtime.GOMAXPROCS(0)
	}
	if c.digest == nil {
		c.digest = digest
	}
	switch c.impl {
	case "sparkpipe":
		return startSparkpipe(c)
	case "chan":
		return startChan(c), nil
	}
	return nil, fmt.Errorf("-impl is %q, and must be sparkpipe or chan", c.impl)
}

type op uint8

const (
	opGet    op = iota // a request for the value of key
	opPut              // a request to set key to body
	opTail             // a request for the newest lines of the log
	opDigest           // a CPU-heavy request that leaves the state alone
	opLog              // a command to append body to the log
)

// message is what travels to the owner of the state. Nobody writes to body
// once it is sent, and nobody writes to a reply.
type message struct {
	op     op
	key    string
	body   []byte
	rounds int
}

var errNotFound = errors.New("not found")

// logLines is how many of the newest lines the log keeps.
const logLines = 128

// store is the state that the owner has to itself: there is no lock.
type store struct {
	kv  map[string][]byte
	log [logLines][]byte
	end int // how many lines the log ever had
}

func newStore() *store { return &store{kv: make(map[string][]byte)} }

// do handles every op but opDigest.
func (s *store) do(m message) ([]byte, error) {
	switch m.op {
	case opGet:
		v, ok := s.kv[m.key]
		if !ok {
			return nil, errNotFound
		}
		return v, nil
	case opPut:
		s.kv[m.key] = m.body
		return nil, nil
	case opLog:
		s.log[s.end%logLines] = m.body
		s.end++
		return nil, nil
	case opTail:
		var lines []byte
		for i := max(0, s.end-logLines); i < s.end; i++ {
			lines = append(append(lines, s.log[i%logLines]...), '\n')
		}
		return lines, nil
	}
	return nil, fmt.Errorf("unknown op %d", m.op)
}

// digest is SHA-256 of body, of that, and so on: rounds times, in hexadecimal.
func digest(body []byte, rounds int) []byte {
	sum := sha256.Sum256(body)
	for ; rounds > 1; rounds-- {
		sum = sha256.Sum256(sum[:])
	}
	return hex.AppendEncode(nil, sum[:])
}
