package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// side is one of the two that are compared.
type side interface {
	request(context.Context, message) (answer, error)
	send(context.Context, message) error
	// shutdown is called when nobody sends any more. It has everything handled
	// that was accepted, leaves no goroutine, and returns the index.
	shutdown(context.Context) (*index, error)
}

// outcome is what a side has worked out.
type outcome struct {
	Words   int    `json:"words"`      // distinct
	Index   string `json:"index"`      // checksum of all words and counts
	LookUps string `json:"look_ups"`   // checksum of the answers to look-ups
	Digests string `json:"digests"`    // checksum of the files' SHA-256
	Gzip    int    `json:"gzip_bytes"` // of all files
	Handled uint64 `json:"-"`          // count commands
}

// job is one run of the workload through one side.
type job struct {
	cfg  config
	tree *tree
	side side
	step func(what string) // is told what begins

	sent    atomic.Uint64 // count commands that were accepted
	entries []entry       // answers to look-ups, as tree.words
	digests []*digests    // as tree.files
}

// paceRate is how many look-ups a second all clients together send in the paced
// phase: far from what either side can do, so that latency is not queueing.
const paceRate = 20_000

// phases runs all of the workload, and returns what was measured, a sample each
// for count, look-ups at full speed and paced, and digests.
func (j *job) phases(ctx context.Context) ([]sample, error) {
	j.entries = make([]entry, len(j.tree.words))
	j.digests = make([]*digests, len(j.tree.files))
	interval := time.Second * time.Duration(j.cfg.clients) / paceRate
	var samples []sample
	for _, p := range []struct {
		name string
		kind string
		run  client
	}{
		{"counting words", kindCount, j.counting()},
		{"looking words up", kindLookUp, j.looking(0)},
		{"looking words up at a fixed rate", kindPaced, j.looking(interval)},
		{"digesting files", kindDigest, j.digesting()},
	} {
		j.step(p.name)
		s, err := measure(ctx, j.cfg.clients, p.run, j.barrier)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		s.kind = p.kind
		samples = append(samples, s)
	}
	return samples, nil
}

// barrier returns when the commands sent before have been handled: messages are
// handled in their order.
func (j *job) barrier(ctx context.Context) error {
	_, err := j.side.request(ctx, message{kind: lookUp, word: j.tree.words[0]})
	return err
}

// counting has clients count the words of files and send them to the index.
func (j *job) counting() client {
	var next atomic.Int64
	return func(ctx context.Context, _ int, h *histogram) (n int, err error) {
		c := newCounter()
		for {
			i := int(next.Add(1)) - 1
			if i >= len(j.tree.files) {
				return n, nil
			}
			words := c.count(j.tree.files[i].text)
			if err := j.side.send(ctx, message{kind: count, words: words, sent: now()}); err != nil {
				return n, err
			}
			j.sent.Add(1)
			n++
		}
	}
}

// looking has each client look up its share of the words, once at least and
// until the time is over. With an interval, a client waits that long between
// the beginnings of two look-ups.
func (j *job) looking(interval time.Duration) client {
	begin := sync.OnceValue(now) // when the first client starts
	first := interval == 0       // answers are kept once, and compared then
	return func(ctx context.Context, c int, h *histogram) (n int, err error) {
		end := begin() + j.cfg.duration
		due := begin() + interval*time.Duration(c)/time.Duration(j.cfg.clients)
		at := now()
		for pass := 0; ; pass++ {
			for i := c; i < len(j.tree.words); i += j.cfg.clients {
				sent := at // the end of one is the beginning of the next: one look at the clock
				if sent >= end && (pass > 0 || !first) {
					return n, nil
				}
				if interval > 0 {
					if sent, err = wait(ctx, due); err != nil {
						return n, err
					}
					due += interval
				}
				a, err := j.side.request(ctx, message{kind: lookUp, word: j.tree.words[i]})
				if err != nil {
					return n, err
				}
				at = now()
				h.record(at - sent)
				n++
				if first && pass == 0 {
					j.entries[i] = a.entry
				} else if a.entry != j.entries[i] {
					return n, fmt.Errorf("the answer for %q was %+v before, and is now %+v, with no command between",
						j.tree.words[i], j.entries[i], a.entry)
				}
			}
			if c >= len(j.tree.words) { // more clients than words
				return n, nil
			}
		}
	}
}

// wait sleeps until a request is due and returns when it begins. That is later
// than due if the timer was late, which is not the side's fault; but if the
// client is late because its last request took so long, it is when it was due.
func wait(ctx context.Context, due time.Duration) (time.Duration, error) {
	d := due - now()
	if d <= 0 {
		return due, ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return now(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// digesting has clients ask for the digests of files.
func (j *job) digesting() client {
	var next atomic.Int64
	return func(ctx context.Context, _ int, h *histogram) (n int, err error) {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(j.tree.files) {
				return n, nil
			}
			sent := now()
			a, err := j.side.request(ctx, message{kind: digest, file: j.tree.files[i]})
			if err != nil {
				return n, err
			}
			h.record(now() - sent)
			j.digests[i] = a.digests
			n++
		}
	}
}

// outcome sums up what came out, given the index after the end.
func (j *job) outcome(x *index) (outcome, error) {
	o := outcome{Words: len(x.words), Index: x.sum(), LookUps: sumEntries(j.entries), Handled: x.files}
	h := sha256.New()
	for i, d := range j.digests {
		if d == nil {
			return o, fmt.Errorf("file %d has no digest", i)
		}
		h.Write(d.sum[:]) // a hash never fails
		o.Gzip += d.gzip
	}
	o.Digests = short(h.Sum(nil))
	if sent := j.sent.Load(); sent != x.files {
		return o, fmt.Errorf("%d commands were accepted, and %d handled", sent, x.files)
	}
	return o, nil
}

func sumEntries(es []entry) string {
	h := sha256.New()
	var b []byte
	for _, e := range es {
		b = e.append(b[:0])
		h.Write(b) // a hash never fails
	}
	return short(h.Sum(nil))
}

// differ says how what a side worked out differs from what it should be.
func differ(who string, got outcome, than string, want outcome) error {
	var errs []error
	for _, f := range []struct {
		what      string
		got, want any
	}{
		{"number of distinct words", got.Words, want.Words},
		{"final index", got.Index, want.Index},
		{"answers to look-ups", got.LookUps, want.LookUps},
		{"SHA-256 of the files", got.Digests, want.Digests},
		{"sum of gzip sizes", got.Gzip, want.Gzip},
	} {
		if f.got != f.want {
			errs = append(errs, fmt.Errorf("results differ: %s: %v with %s, %v with %s", f.what, f.got, who, f.want, than))
		}
	}
	return errors.Join(errs...)
}
