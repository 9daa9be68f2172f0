package server

import (
	"sync/atomic"
	"time"
)

const (
	// fastCall is how long a call may take to count as fast. A queued request
	// costs its caller about a microsecond of waking and switching, so from
	// some microseconds on, running on the caller gains little and keeps the
	// caller from what it could have done meanwhile.
	fastCall = 5 * time.Microsecond
	// toProve is how many fast samples in a row make a handler fast.
	toProve = 8
	// toDoubt is how many slow samples in a row make it not so: more than one,
	// since any call may be preempted.
	toDoubt = 2
	// sampleEvery is how many calls share one sample of a fast handler: two
	// clock reads, some 80 ns, in 64 calls of perhaps 20 ns.
	sampleEvery = 64
)

// pace judges whether handler calls are fast enough to run on callers. Its
// fields but fast belong to the owner of the role.
type pace struct {
	fast atomic.Bool
	skip int // calls until the next sample
	run  int // samples in a row that spoke against the present judgement
}

func (p *pace) isFast() bool { return p.fast.Load() }

// due reports whether to time this call.
func (p *pace) due() bool {
	p.skip--
	return p.skip < 0
}

// note takes the time of a call.
func (p *pace) note(d time.Duration) {
	fast := p.fast.Load()
	if (d <= fastCall) == fast {
		p.run = 0
		if fast {
			p.skip = sampleEvery - 1
		}
		return
	}
	p.skip = 0 // look closely
	p.run++
	if fast && p.run >= toDoubt || !fast && p.run >= toProve {
		p.run = 0
		p.fast.Store(!fast)
	}
}
