package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestForeign(t *testing.T) {
	from := usage{at: time.Now(), all: time.Hour, own: time.Minute}
	to := usage{at: from.at.Add(10 * time.Second), all: from.all + 12*time.Second, own: from.own + 9*time.Second}
	cores, err := foreign(from, to)
	require.NoError(t, err)
	assert.InDelta(t, 0.3, cores, 1e-9)
	_, err = foreign(from, from)
	assert.Error(t, err)
}

// What this process uses itself is not foreign, and all is what it says.
func TestUsed(t *testing.T) {
	from, err := used()
	require.NoError(t, err)
	to := from
	for to.own-from.own < 200*time.Millisecond {
		to, err = used()
		require.NoError(t, err)
	}
	assert.GreaterOrEqual(t, to.all-from.all, 150*time.Millisecond) // the kernel counts in steps of 10 ms
}
