// Package gradient finds how many calls to run at once: as many as still finish
// about as fast as when there are few.
//
// More calls than the machine, or what they wait for, can work on only wait for
// each other: their latency grows and nothing else does. So
//
//	gradient = latency with few in flight * 1.25 / latency now
//	limit    = limit * gradient + sqrt(limit * gradient)
//
// ten times a second, the gradient between 0.5 and 2. The root is room to grow in, of
// which there is none at 0.5; the limit comes to rest where the latency has grown by
// what both allow.
//
// The latency with few in flight, the baseline, is what all depends on. It is
// measured and not guessed: calls that began while at most low were running, which is the
// lowest limit, are its samples, whenever there are some, and when there were none for a
// while the limit goes down to low until there are. It follows the calls when they change:
// if they have become slower by themselves the limit falls, to low at worst, where every
// call is a sample.
//
// Sources: Netflix concurrency-limits (https://github.com/Netflix/concurrency-limits),
// Gradient2, for the gradient, the room and not growing while there is no demand;
// Envoy's adaptive concurrency filter (gradient_controller.cc of
// https://github.com/envoyproxy/envoy) for the measured baseline and the constants.
// Gradient2 has the long-term average of the latency as its baseline. In an
// overload that lasts, that becomes the latency of the overload, and the limit
// goes on growing, in a simulation to 380 on 8 cores: TestWhyNotGradient2.
package gradient

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	tolerance = 1.25 // what the latency may grow by, as a factor
	lowest    = 0.5  // gradient that counts; at it there is no room, or the limit would not fall below 2
	least     = 10   // samples that a window needs: one with fewer goes on
	baseline  = 50   // samples that a baseline takes, if there is time: a twentieth of refresh
	most      = 128  // samples that are kept of a window
)

// Limit is the number that is sought. Use New. It may be shared.
//
//	measuring    the limit is low, until there is a baseline
//	following    the limit follows the gradient
type Limit struct {
	low, high int
	every     time.Duration // a window
	refresh   time.Duration // how old a baseline may get before the limit goes down to low for a new one

	current atomic.Int64

	mu        sync.Mutex
	limit     float64 // that of following
	measuring bool
	since     time.Duration // measuring began, or the baseline was found
	base      time.Duration // the baseline; 0: none yet
	few       []time.Duration

	end    time.Duration // of the window
	window []time.Duration
	next   int // where the window's next sample goes, if it is full
	peak   int // the most in flight in the window
}

// New returns a limit between low and high, which begins at low and measures its
// first baseline. As many calls as low must not slow each other down: it is 1, or
// little more. high is at least low.
func New(low, high int) *Limit {
	l := &Limit{low: low, high: high, every: 100 * time.Millisecond, refresh: 30 * time.Second, limit: float64(low), measuring: true}
	l.few = make([]time.Duration, 0, baseline)
	l.window = make([]time.Duration, 0, most)
	l.since = -1 // with the first sample
	l.current.Store(int64(low))
	return l
}

// Limit returns how many calls may run at once now.
func (l *Limit) Limit() int { return int(l.current.Load()) }

// Sample tells of a call that ended at the time now, by a clock that does not go
// back: how long it took, and how many were running when it began, itself
// included. A call that failed tells as much as one that did not; one that did
// not run tells nothing. Sample does not block: when another one is under way, it
// is ignored. Not every call needs one.
func (l *Limit) Sample(now, latency time.Duration, inFlight int) {
	if latency < 0 || !l.mu.TryLock() {
		return
	}
	defer l.mu.Unlock()
	if l.since < 0 {
		l.since, l.end = now-latency, now+l.every
	}
	if inFlight <= l.low && !(l.measuring && now-latency < l.since) {
		l.few = append(l.few, latency)
	}
	age := now - l.since
	switch {
	case len(l.few) == baseline || l.measuring && age > l.refresh/20 && len(l.few) >= 3:
		l.found(now)
		return
	case l.measuring:
		return
	case age > l.refresh:
		l.measure(now)
		return
	}
	l.peak = max(l.peak, inFlight)
	if len(l.window) < most {
		l.window = append(l.window, latency)
	} else {
		l.window[l.next] = latency
		l.next = (l.next + 1) % most
	}
	if now >= l.end && len(l.window) >= least {
		l.follow()
		l.open(now)
	}
}

// measure goes down to low.
func (l *Limit) measure(now time.Duration) {
	l.measuring = true
	l.since = now
	l.few = l.few[:0] // they are old
	l.current.Store(int64(l.low))
}

// found ends measuring, if it was going on.
func (l *Limit) found(now time.Duration) {
	l.base = max(median(l.few), 1)
	l.few = l.few[:0]
	l.since = now
	if l.measuring {
		l.measuring = false
		l.current.Store(int64(l.limit))
		l.open(now)
	}
}

// open begins a window.
func (l *Limit) open(now time.Duration) {
	l.end = now + l.every
	l.window, l.next, l.peak = l.window[:0], 0, 0
}

// follow moves the limit by the window's gradient.
func (l *Limit) follow() {
	gradient := float64(l.base) * tolerance / float64(max(median(l.window), 1))
	limit := l.limit * min(max(gradient, lowest), 2)
	if gradient > lowest {
		limit += math.Sqrt(limit)
	}
	if limit > l.limit && float64(l.peak) < l.limit/2 {
		return // nobody asks for more
	}
	l.limit = min(max(limit, float64(l.low)), float64(l.high))
	l.current.Store(int64(l.limit))
}

// median sorts d.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
