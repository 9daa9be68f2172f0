//go:build go1.25

// A bubble needs the timers of Go 1.23, and go.mod says 1.22.
//go:debug asynctimerchan=0

package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// At twice the load, a server that sheds answers in time about as much as it can, and a
// channel hardly anything: in virtual time, where the machine has no say in that.
func TestSheddingPays(t *testing.T) {
	const load, deadline, span = 2, 50 * time.Millisecond, time.Second
	w := worker{pause: 100 * time.Microsecond}
	capacity := float64(time.Second / w.pause)
	good := map[string]float64{}
	for _, c := range contestants {
		synctest.Test(t, func(t *testing.T) {
			s, err := c.start(w)
			require.NoError(t, err)
			p, err := offer(context.Background(), s, load*capacity, deadline, span/4, span, 1)
			require.NoError(t, err)
			require.NoError(t, s.stop())
			good[c.name] = float64(p.good.Load()) / span.Seconds() / capacity
		})
	}
	t.Log(good)
	require.InDelta(t, 1, good["sparkpipe-shed"], 0.05)
	require.Less(t, good["channel"], 0.1)
}
