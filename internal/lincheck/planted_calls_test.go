//go:build yieldhooks

package lincheck

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
)

// The tests of this file show that what is wrong with requests is found.

type envelope = dispatcher.Envelope[counterIn, int]

// bug is a mistake of a toy.
type bug uint8

const (
	none          bug = iota
	crossed           // two that are waiting get each other's answers
	oneMore           // after Close, one more is let through
	refusedAndRun     // full, it says, and handles it
	tried             // nobody took the answer: it is handled again
)

// toy is the smallest server there is: a queue and a loop.
type toy struct {
	*queue.Ring[envelope]
	c       *locked
	bug     bug
	refused atomic.Int32 // since Close
	done    chan struct{}
}

// onToy is a plan with a toy.
func onToy(b bug, do dispatcher.Options) plan {
	return plan{do, func(c *locked) (target, error) {
		q, err := queue.NewRing[envelope](queue.Options{Capacity: 4})
		return &toy{Ring: q, c: c, bug: b, done: make(chan struct{})}, err
	}}
}

func (s *toy) TryPush(e envelope) error {
	if s.bug == refusedAndRun && rand.IntN(4) == 0 {
		s.c.handle(e.Message())
		return queue.ErrFull // and no Reply: it could meet who is told so, and hang
	}
	err := s.Ring.TryPush(e)
	if s.bug == oneMore && err == queue.ErrClosed && s.refused.Add(1) == 2 {
		e.Reply(s.c.handle(e.Message()), nil)
		return nil
	}
	return err
}

func (s *toy) Run(ctx context.Context) error {
	defer close(s.done)
	for {
		e, err := s.Pop(ctx)
		if err != nil {
			return nil
		}
		v := s.c.handle(e.Message())
		if s.bug == crossed && e.IsRequest() {
			if next, ok := s.TryPop(); ok {
				next.Reply(v, nil)
				v = s.c.handle(next.Message())
			}
		}
		if !e.Reply(v, nil) && s.bug == tried {
			s.c.handle(e.Message())
		}
	}
}

func (s *toy) Close() error                       { return s.Shutdown(context.Background()) }
func (s *toy) Shutdown(ctx context.Context) error { s.Ring.Close(); <-s.done; return nil }
func (s *toy) Done() <-chan struct{}              { return s.done }

func TestPlantedCalls(t *testing.T) {
	reject := dispatcher.Options{Overflow: dispatcher.Reject, MaxInFlight: 3}
	late := dispatcher.Options{Timeout: 30 * time.Microsecond}
	for name, tt := range map[string]struct {
		plan
		found bool
	}{
		"mended, reject":            {onToy(none, reject), false},
		"mended, late":              {onToy(none, late), false},
		"crossed answers":           {onToy(crossed, dispatcher.Options{}), true},
		"one more after Close":      {onToy(oneMore, dispatcher.Options{}), true},
		"refused and run":           {onToy(refusedAndRun, dispatcher.Options{Overflow: dispatcher.Reject}), true},
		"handled again if too late": {onToy(tried, late), true},
	} {
		t.Run(name, func(t *testing.T) {
			var n score
			for seed := range *seeds / 10 {
				n.add(play(t, seed, tt.plan))
			}
			n.tell(t)
			if (n.counter.illegal > 0) != tt.found || !n.counter.decided() || !tt.found && n.problems+n.places.illegal > 0 {
				t.Errorf("%d of %d rounds are illegal, %d unknown, %d problems; want some: %v",
					n.counter.illegal, n.counter.rounds, n.counter.unknown, n.problems, tt.found)
			}
		})
	}
}

// One place more than there may be, and one less, are found. A place that is given
// back late is found, too: internal/mutants plants that.
func TestPlantedPlaces(t *testing.T) {
	p := onToy(none, dispatcher.Options{Overflow: dispatcher.Reject, MaxInFlight: 2})
	for _, tt := range []struct {
		name  string
		most  int
		found bool
	}{{"one too many", 1, true}, {"right", 2, false}, {"one too few", 3, true}} {
		t.Run(tt.name, func(t *testing.T) {
			var n tally
			for seed := range *seeds / 10 {
				n.check(placesModel(tt.most), play(t, seed, p).places)
			}
			t.Log(&n)
			if (n.illegal > 0) != tt.found || !n.decided() {
				t.Errorf("%d of %d rounds are illegal, %d unknown; want some: %v", n.illegal, n.rounds, n.unknown, tt.found)
			}
		})
	}
}
