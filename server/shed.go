package server

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/codel"
)

// ShedLaw says which messages to shed from a queue that does not empty.
type ShedLaw uint8

const (
	// ShedSlough, the default, begins to shed when even the shortest wait in an
	// Interval was above the Target, and the queue was not empty in it. It then
	// sheds every message that has waited longer than twice the Target, until an
	// Interval has passed in which there was nothing to shed, or half of which the
	// queue was empty. This is the law of "Fail at Scale", ACM Queue 13(8), 2015,
	// with a longer memory. It keeps waits near twice the Target at any load: in a
	// simulation at twice the capacity, with a Target of 2 ms and an Interval of 50
	// ms, the 99th percentile was 4 ms.
	ShedSlough ShedLaw = iota

	// ShedCoDel is Controlled Delay, RFC 8289: it sheds one message, then more and
	// more often while that does not help. It is for senders that slow down when
	// they are refused. With others it takes minutes to have an effect: in the same
	// simulation the 99th percentile was 10 s.
	ShedCoDel
)

// String returns "slough" or "codel".
func (l ShedLaw) String() string {
	switch l {
	case ShedSlough:
		return "slough"
	case ShedCoDel:
		return "codel"
	}
	return fmt.Sprintf("ShedLaw(%d)", uint8(l))
}

// targetsPerInterval is how many times the Target an Interval is that is left 0.
const targetsPerInterval = 25

// ShedOptions says when a server drops messages because they have waited too
// long. A message that is shed is not handled: a request fails with
// dispatcher.ErrShed, which is dispatcher.ErrOverloaded, and a command is handed
// to OnCommandError with it. Both are counted in Stats.Shed. The zero value sheds none.
//
// What counts is the wait from when the dispatcher had the message ready until its
// turn, and, for messages that are offloaded, also until their turn on the pool. A
// queue that empties now and then is left alone, however long it gets in between. A
// request that runs on its caller's goroutine waits for nothing and is never shed.
//
// With shedding on, a request is also shed if the deadline of its ctx is so near
// that even the shortest of the latest handler calls would not have met it (but not
// at its turn on the pool, where it is not known how long calls take). Only calls
// behind which another message waited are known: after others no deadline is too
// near. After each 16 calls such a request is handled all the same, as it may show
// that calls are shorter: if all like it were shed, nothing would. A request whose
// deadline has passed is not handled, even if the timer of its ctx is late. The
// server does not see the Timeout of a dispatcher: such a request is dropped once
// its Timeout has passed.
//
// It costs two clock reads for each queued message (20 to 70 ns each, by machine);
// the dispatcher makes one of them, unasked.
type ShedOptions struct {
	// Target is the wait that is acceptable, and turns shedding on. Messages are
	// shed from twice this, so it should be as long as several handler calls. 0
	// sheds nothing; negative is an error.
	Target time.Duration

	// Interval is how long to look back: if every message in it has waited longer
	// than Target, and none came to an empty queue, the queue does not empty any
	// more. It should be longer than the bursts that are to be left alone. 0 means
	// 25 times the Target; negative, less than the Target, or any without a Target,
	// is an error.
	Interval time.Duration

	// Law says which messages are shed: ShedSlough if it is left 0.
	Law ShedLaw
}

func (o ShedOptions) withDefaults() (ShedOptions, error) {
	switch {
	case o.Target < 0:
		return o, fmt.Errorf("server: Options.Shed.Target: %v is negative", o.Target)
	case o.Law > ShedCoDel:
		return o, fmt.Errorf("server: Options.Shed.Law: unknown value %v", o.Law)
	case o.Target == 0 && o != (ShedOptions{}):
		return o, errors.New("server: Options.Shed: Interval or Law without Target")
	case o.Interval < 0 || o.Interval > 0 && o.Interval < o.Target:
		return o, fmt.Errorf("server: Options.Shed.Interval: %v is less than Target, or negative", o.Interval)
	}
	if o.Interval == 0 {
		if o.Interval = targetsPerInterval * o.Target; o.Interval/targetsPerInterval != o.Target {
			o.Interval = o.Target // a Target of centuries
		}
	}
	return o, nil
}

// shedder applies the law to one queue, or to each of its lanes by itself: a
// less urgent one that does not empty must not have others shed, and the short
// waits of an urgent one must not hide it. Its lock is for the loops and the
// workers of the pool; the owner of the role takes it alone.
type shedder struct {
	mu    sync.Mutex
	epoch time.Time
	laws  []law // by lane

	// The shortest handler call, as its queue tells: a message that was waiting
	// when the one before it had its turn has its own when that is done. So an
	// owner that is never idle between two turns shows the time of a call, for
	// nothing. With several loops this is too short, and never too long. Workers of
	// a pool may be busy with what is not the server's, so there it is not asked
	// for: turns on the pool have no deadline.
	interval time.Duration
	calls    int       // since one that was made though its deadline was too near
	last     time.Time // the turn of the message before, if it was handled
	end      time.Time // of the current interval
	shortest [2]time.Duration
}

// law is one of the two.
type law struct {
	slough *codel.Slough
	codel  *codel.CoDel
}

// probeEvery is how many calls are made for each that is made though its deadline is
// too near for any that is known.
const probeEvery = 16

// never is a time that no call takes.
const never = time.Duration(1<<63 - 1)

func newShedder(o ShedOptions, lanes int) *shedder {
	s := &shedder{epoch: time.Now(), interval: o.Interval, shortest: [2]time.Duration{never, never}, laws: make([]law, lanes)}
	for i := range s.laws {
		if o.Law == ShedCoDel {
			s.laws[i].codel = codel.NewCoDel(o.Target, o.Interval)
		} else {
			s.laws[i].slough = codel.NewSlough(o.Target, o.Interval)
		}
	}
	return s
}

// turn reports whether to shed the message of lane whose turn is now. left is how
// many are queued behind it; deadline is its ctx's, zero if there is none.
func (s *shedder) turn(lane int, now, enqueued, deadline time.Time, left int) (shed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(now, enqueued)
	at, waited := now.Sub(s.epoch), now.Sub(enqueued)
	if law := &s.laws[lane]; law.codel != nil {
		shed = law.codel.Drop(at, waited, left)
	} else {
		shed = law.slough.Drop(at, waited)
	}
	if least := s.least(); !shed && !deadline.IsZero() && least != never && now.Add(least).After(deadline) {
		if shed = s.calls < probeEvery; !shed {
			s.calls = 0
		}
	}
	if s.last = now; shed {
		s.last = time.Time{}
	} else {
		s.calls++
	}
	return shed
}

// learn notes how long the call before took, if that is known.
func (s *shedder) learn(now, enqueued time.Time) {
	if now.After(s.end) {
		s.shortest = [2]time.Duration{s.shortest[1], never}
		if now.Sub(s.end) > s.interval { // nothing came in the last one, or for longer
			s.shortest[0] = never
		}
		s.end = now.Add(s.interval)
	}
	if enqueued.Before(s.last) {
		s.shortest[1] = min(s.shortest[1], now.Sub(s.last))
	}
}

// least returns the shortest call of this interval and the last; never: none is
// known.
func (s *shedder) least() time.Duration { return min(s.shortest[0], s.shortest[1]) }
