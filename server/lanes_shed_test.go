//go:build go1.25

package server_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// inLanes is inBubble with a dispatcher for each lane.
func inLanes(t *testing.T, so server.Options, f func(t *testing.T, s srv, ds []disp)) {
	synctest.Test(t, func(t *testing.T) {
		s, ds := onLanes(t, funcs(sleepy), so, dispatcher.Options{})
		ran := make(chan error, 1)
		go func() { ran <- s.Run(context.Background()) }()
		f(t, s, ds)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ran)
		requireAccounts(t, s)
		audit(t, s, ds...)
	})
}

// A lane with three times the capacity is held to twice the Target, though on
// another one nothing waits; and there nothing is shed.
func TestLanesShedApart(t *testing.T) {
	for _, law := range []server.ShedLaw{server.ShedSlough, server.ShedCoDel} {
		opts := server.Options{Lanes: 2, Shed: server.ShedOptions{Target: 5 * time.Millisecond, Interval: 50 * time.Millisecond, Law: law}}
		inLanes(t, opts, func(t *testing.T, s srv, ds []disp) {
			const n = 2000
			type result struct {
				answered, shed int64
				slowest        time.Duration
			}
			var urgent, low result
			done := make(chan struct{})
			go func() {
				defer close(done)
				urgent.answered, urgent.shed, urgent.slowest = flood(t, ds[0], n, 3*time.Millisecond)
			}()
			// For as long: what is left of the capacity is two thirds.
			low.answered, low.shed, low.slowest = flood(t, ds[1], 9*n, time.Millisecond/3)
			<-done
			require.EqualValues(t, n, urgent.answered)
			require.LessOrEqual(t, urgent.slowest, 4*time.Millisecond) // behind one call, or two
			st := s.Stats()
			require.Zero(t, st.Lanes[0].Shed)
			require.EqualValues(t, low.shed, st.Lanes[1].Shed)
			require.EqualValues(t, 9*n, low.answered+low.shed)
			if law == server.ShedSlough {
				require.InDelta(t, 2*n, low.answered, n/10)
				require.LessOrEqual(t, low.slowest, 15*time.Millisecond)
			} else {
				require.Positive(t, low.shed)
			}
		})
	}
}

// What a call takes is learned from the turns of all lanes: two calls are no long
// one, though the first and the third were of one lane.
func TestLanesLearnTogether(t *testing.T) {
	opts := server.Options{Lanes: 2, CallerRuns: server.CallerRunsNever, Shed: server.ShedOptions{Target: time.Hour}}
	inLanes(t, opts, func(t *testing.T, s srv, ds []disp) {
		ctx := context.Background()
		require.NoError(t, ds[1].Send(ctx, 10))
		require.NoError(t, ds[1].Send(ctx, 10))
		time.Sleep(time.Millisecond)
		require.NoError(t, ds[0].Send(ctx, 10)) // before the second
		time.Sleep(time.Second)
		short, cancel := context.WithTimeout(ctx, 15*time.Millisecond)
		defer cancel()
		_, err := ds[1].Request(short, 10)
		require.NoError(t, err)
	})
}

// With CoDel the last message of a queue is never shed: nor is the last of
// a lane, whatever waits on another one.
func TestLanesLastIsNotShed(t *testing.T) {
	opts := server.Options{Lanes: 2, Shed: server.ShedOptions{Target: time.Millisecond, Interval: 20 * time.Millisecond, Law: server.ShedCoDel}}
	inLanes(t, opts, func(t *testing.T, s srv, ds []disp) {
		for i := 0; i < 1000; i++ {
			require.NoError(t, ds[1].Send(context.Background(), 10))
		}
		for i := 0; i < 50; i++ { // each waits for the end of a call
			time.Sleep(3 * time.Millisecond)
			_, err := ds[0].Request(context.Background(), 10)
			require.NoError(t, err)
		}
		require.Positive(t, s.Stats().Lanes[1].Shed)
		require.Zero(t, s.Stats().Lanes[0].Shed)
	})
}
