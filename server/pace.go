package server

import (
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/spin"
)

const (
	// fastCall is how long a call may take to count as fast. A queued request
	// costs its caller about a microsecond of waking and switching, so from
	// some microseconds on, running on the caller gains little and keeps the
	// caller from what it could have done meanwhile.
	fastCall = 5 * time.Microsecond
	// briefCall is how long a call may take for callers to wait for the role
	// awake: much less than the waking and switching that this saves.
	briefCall = 300 * time.Nanosecond
	// toProve is how many fast samples in a row make a handler fast.
	toProve = 8
	// toDoubt is how many slow samples in a row make it not so: more than one,
	// since any call may be preempted.
	toDoubt = 2
	// sampleFast and sampleSlow are how many calls share one sample, while the
	// samples agree: two clock reads (20 to 70 ns each, by machine) in 64 calls of
	// perhaps 20 ns or in 8 of more than 5 µs.
	sampleFast = 64
	sampleSlow = 8
)

// pace judges by samples whether handler calls are fast enough to run on
// callers, and brief enough to wait for. Only the owner of the role takes notes.
type pace struct {
	fast  atomic.Bool
	brief atomic.Bool // so was the latest sample, and callers run beside each other
	run   int         // samples in a row that spoke against fast as it is
}

// note takes the time of a call and returns how many calls to skip until the
// next sample.
func (p *pace) note(d time.Duration) (skip int) {
	if brief := d <= briefCall && spin.Parallel(); brief != p.brief.Load() {
		p.brief.Store(brief)
	}
	fast := p.fast.Load()
	if (d <= fastCall) == fast {
		p.run = 0
		if fast {
			return sampleFast - 1
		}
		return sampleSlow - 1
	}
	p.run++
	if fast && p.run >= toDoubt || !fast && p.run >= toProve {
		p.run = 0
		p.fast.Store(!fast)
	}
	return 0 // look closely
}
