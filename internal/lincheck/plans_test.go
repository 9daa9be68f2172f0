//go:build yieldhooks

package lincheck

import (
	"testing"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
	"github.com/sparkpipe/sparkpipe/server"
)

var small = queue.Options{Capacity: 2}

// playAll has each plan played: all rounds must be right, and in them each
// of the outcomes must have come about.
func playAll(t *testing.T, plans map[string]plan, outcomes ...error) {
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			var n score
			for seed := range *seeds {
				if r := play(t, seed, p); !n.add(r) {
					n.tell(t)
					r.explain(t, seed)
				}
			}
			n.tell(t)
			for _, err := range append(outcomes, nil, errRefused, errGone) {
				if n.outcomes[err] == 0 {
					t.Errorf("the rounds show nothing of %v", err)
				}
			}
		})
	}
}

// With Concurrency, handler calls overlap, and a request is still one step at some
// time between its call and its return if it is one for the handler.
func TestConcurrency(t *testing.T) {
	playAll(t, map[string]plan{
		"4":    onServer(server.Options{Queue: small, Concurrency: 4}, dispatcher.Options{}),
		"chan": onServer(server.Options{Queue: queue.Options{Capacity: 2, Backend: queue.BackendChan}, Concurrency: 2}, dispatcher.Options{}),
	})
}

// MaxInFlight is a semaphore: a request that is refused by it was refused while all
// places were taken, and has no effect; those that are too late or cancelled while
// they wait for a place have none, and keep none.
func TestMaxInFlight(t *testing.T) {
	few := queue.Options{Capacity: 4}
	reject := dispatcher.Options{MaxInFlight: 3, Overflow: dispatcher.Reject}
	t.Run("reject", func(t *testing.T) {
		playAll(t, map[string]plan{
			"never":  onServer(server.Options{CallerRuns: server.CallerRunsNever, Queue: few}, reject),
			"always": onServer(server.Options{CallerRuns: server.CallerRunsAlways, Queue: small}, reject),
			"loops":  onServer(server.Options{Concurrency: 4, Queue: few}, reject),
		}, errBusy)
	})
	playAll(t, map[string]plan{
		"block": onServer(server.Options{CallerRuns: server.CallerRunsNever, Queue: small},
			dispatcher.Options{MaxInFlight: 3}),
	})
}

// A request whose time is up before it has its answer may have an effect later, or
// never; and what it took is free again.
func TestTimeout(t *testing.T) {
	const brief = 30 * time.Microsecond
	playAll(t, map[string]plan{
		"never": onServer(server.Options{CallerRuns: server.CallerRunsNever, Queue: small},
			dispatcher.Options{Timeout: brief}),
		"places": onServer(server.Options{CallerRuns: server.CallerRunsAlways, Queue: small},
			dispatcher.Options{Timeout: brief, MaxInFlight: 2}),
	}, errTooLate)
}
