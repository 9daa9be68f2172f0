package server

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceProvesAndDoubts(t *testing.T) {
	var p pace
	for i := 1; i < toProve; i++ {
		require.Zero(t, p.note(fastCall), "a handler that may be fast is looked at closely")
		require.False(t, p.fast.Load(), "after %d samples", i)
	}
	p.note(fastCall)
	require.True(t, p.fast.Load())
	require.Equal(t, sampleFast-1, p.note(fastCall))

	for i := 1; i < toDoubt; i++ {
		require.Zero(t, p.note(fastCall+1))
		require.True(t, p.fast.Load(), "any call may be preempted")
	}
	p.note(fastCall + 1)
	require.False(t, p.fast.Load())
	require.Equal(t, sampleSlow-1, p.note(time.Second))
}

// Samples must be in a row.
func TestPaceForgets(t *testing.T) {
	var p pace
	for i := 0; i < 10*toProve; i++ {
		d := time.Duration(fastCall)
		if i%toProve == 0 {
			d++
		}
		p.note(d)
		require.False(t, p.fast.Load(), "after %d samples", i)
	}
}

func TestPaceBrief(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var p pace
	require.False(t, p.brief.Load(), "not known")
	p.note(briefCall)
	require.True(t, p.brief.Load())
	p.note(briefCall + 1)
	require.False(t, p.brief.Load())

	runtime.GOMAXPROCS(1)
	p.note(briefCall)
	require.False(t, p.brief.Load(), "nobody runs while the caller waits")
}
