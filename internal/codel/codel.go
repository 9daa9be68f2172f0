// Package codel decides which messages of a queue to drop because of what they
// have waited, so that a queue that does not empty any more stays short.
//
// A queue is good as long as it empties now and then: then it evens out bursts. A
// queue whose shortest wait over some time is long only delays. Both laws here tell
// the two apart by that shortest wait, which no burst can hide, and by whether a
// message came to an empty queue. They need no knowledge of the load or of the
// capacity, and differ in how they drop.
//
//   - [CoDel] drops one message, then more and more often as long as that does not
//     help: for senders that slow down when they see a drop. Against senders that
//     do not, it takes minutes: after n drops it drops sqrt(n) in an interval.
//   - [Slough] drops every message that waited longer than twice the target as long
//     as the queue is bad. That is enough at once, whatever the load, and right
//     for a server whose callers have given up by then. A slough is a bog, where
//     water stands because nothing drains it.
//
// Time is that of any clock that does not go back, read by the caller. Neither
// type is safe for concurrent use: the queue's consumer calls it.
package codel

import (
	"math"
	"time"
)

// CoDel is Controlled Delay by Kathleen Nichols and Van Jacobson, "Controlling
// Queue Delay", ACM Queue 10(5), 2012, as RFC 8289, section 5, has it: its deque
// function, cut where it looks at the next packet, so that it is asked about one
// message at a time. Use NewCoDel.
type CoDel struct {
	target, interval time.Duration

	last  time.Duration // the last message was taken
	above bool          // the wait has been above the target
	since time.Duration // when it began to be so; if above

	dropping  bool
	dropped   bool // the last message; the next drop is not scheduled yet
	next      time.Duration
	count     int // drops since the dropping began, or as if it had begun so
	lastCount int
}

// NewCoDel returns a CoDel that does not drop. target is the wait that is good;
// interval is the time in which the wait of some message should be that good. Both are
// above 0; RFC 8289, section 3.2, finds a target of 5 to 10 % of the interval best.
func NewCoDel(target, interval time.Duration) *CoDel {
	return &CoDel{target: target, interval: interval}
}

// Drop reports whether to drop the message that was taken from the queue at the
// time now, after it has waited there; left is how many messages there still
// are. The last one is never dropped.
func (c *CoDel) Drop(now, waited time.Duration, left int) bool {
	bad := c.bad(now, waited, left)
	switch {
	case !c.dropping:
		if bad {
			c.start(now)
		}
		return bad
	case !bad:
		c.dropping, c.dropped = false, false
		return false
	}
	if c.dropped {
		c.dropped = false
		c.next = c.law(c.next)
	}
	if now < c.next {
		return false
	}
	c.count++
	c.dropped = true
	return true
}

// bad reports whether waits have been above the target for an interval.
func (c *CoDel) bad(now, waited time.Duration, left int) bool {
	wasEmpty := now-waited > c.last // though it may not have been seen to be: others may take what is left
	c.last = now
	if waited < c.target || left == 0 {
		c.above = false
		return false
	}
	if !c.above || wasEmpty {
		c.above = true
		c.since = now
		return false
	}
	return now-c.since >= c.interval
}

// start begins to drop. If it did so not long ago, the rate that was right then
// is where it goes on.
func (c *CoDel) start(now time.Duration) {
	c.dropping = true
	delta := c.count - c.lastCount
	c.count = 1
	if delta > 1 && now-c.next < 16*c.interval {
		c.count = delta
	}
	c.next = c.law(now)
	c.lastCount = c.count
}

// law is the time of the drop after the one at t.
func (c *CoDel) law(t time.Duration) time.Duration {
	return t + time.Duration(float64(c.interval)/math.Sqrt(float64(c.count)))
}

// Slough is the law that Facebook's services use: "Fail at Scale" by Ben Maurer,
// ACM Queue 13(8), 2015, and class Codel in folly/executors of
// https://github.com/facebook/folly; with one change. Use NewSlough.
//
// As in the article, a queue that was empty is good. The waits alone, which is what
// folly looks at, do not tell: an interval that begins in the middle of a burst and
// ends before the next one has long waits only.
//
// In both, the queue is good again after one interval in which some wait was short.
// In an overload, a sender that stops for a moment brings that about, for nothing
// has waited longer than the target by much; and until the next interval is over,
// nothing is dropped and all wait. On 2 cores, where the senders lost the
// processor now and then, that made a 99th percentile of 45 ms of the 4 ms that
// the law is to hold (TestStutter has the same). Here a bad queue is good again
// after an interval in which nothing had to be dropped, or half of which the queue was
// empty: otherwise, bursts that are good while it is good would keep it bad for ever.
type Slough struct {
	target, interval time.Duration

	began    bool
	last     time.Duration // the last message was taken
	end      time.Duration // of this interval
	shortest time.Duration // wait in it; 0: the queue was empty
	rest     time.Duration // the queue was empty, in it
	dropped  bool          // something was, in it
	bad      bool
}

// NewSlough returns a Slough that does not drop. The arguments are those of
// NewCoDel.
func NewSlough(target, interval time.Duration) *Slough {
	return &Slough{target: target, interval: interval}
}

// Drop reports whether to drop the message that was taken from the queue at the
// time now, after it has waited there. The first message of each interval is not
// dropped, so that one message now and then never is.
func (s *Slough) Drop(now, waited time.Duration) bool {
	if rest := now - waited - s.last; rest > 0 { // it came after the last one was taken, to an empty queue
		s.shortest = 0
		s.rest += rest
	}
	s.last = now
	if !s.began || now >= s.end {
		s.judge(now)
		s.began = true
		s.end = now + s.interval
		s.shortest, s.rest, s.dropped = waited, 0, false
		return false
	}
	s.shortest = min(s.shortest, waited)
	if s.bad && waited > 2*s.target {
		s.dropped = true
		return true
	}
	return false
}

// judge looks back at the last interval, and at the time after it, in which there
// was no message.
func (s *Slough) judge(now time.Duration) {
	switch {
	case !s.began:
	case now-s.end >= s.interval:
		s.bad = false
	case s.shortest > s.target:
		s.bad = true
	case !s.dropped || s.rest >= s.interval/2:
		s.bad = false
	}
}
