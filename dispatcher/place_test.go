package dispatcher_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Who has the outcome of a Call finds its place in flight free: with as many
// Calls at a time as may be, and Overflow Reject, none is refused.
func TestPlaceIsFreeWhenTheOutcomeIsThere(t *testing.T) {
	rounds := 50_000
	if testing.Short() || testx.Race {
		rounds = 2000
	}
	q := newRing(t, 2)
	d := newDispatcher(t, q, dispatcher.Options{MaxInFlight: 1, Overflow: dispatcher.Reject})
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			e, err := q.Pop(bg)
			if err != nil {
				return
			}
			e.Reply(e.Message(), nil)
		}
	}()
	for i := 0; i < rounds; i++ {
		c, err := d.Go(bg, i)
		require.NoError(t, err, "round %d", i)
		if i%2 == 0 {
			for !c.Ready() { // awake, to see it as early as can be
				runtime.Gosched()
			}
		}
		_, err = c.Wait(bg)
		require.NoError(t, err)
	}
	q.Close()
	testx.Recv(t, served)
}
