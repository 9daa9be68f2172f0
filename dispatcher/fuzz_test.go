package dispatcher_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// FuzzOptions: New never panics, its error names the field that is wrong, and
// with what it takes, messages are sent or refused.
func FuzzOptions(f *testing.F) {
	for _, limit := range []float64{0, 1, 0.1, 1e-300, 5e-324, 1e6, 1e300, math.MaxFloat64, -1, math.Inf(1), math.Inf(-1), math.NaN()} {
		f.Add(limit, 0, byte(0), 0, byte(0), int64(0), false)
		f.Add(limit, 1, byte(0), 3, byte(1), int64(1), true)
		f.Add(limit, math.MaxInt, byte(1), math.MaxInt, byte(0), int64(math.MaxInt64), true)
	}
	f.Add(0.0, -1, byte(0), 0, byte(0), int64(0), false)
	f.Add(0.0, 0, byte(2), 0, byte(0), int64(0), false)
	f.Add(0.0, 0, byte(1), -1, byte(0), int64(0), false)
	f.Add(0.0, 0, byte(0), 0, byte(2), int64(0), false)
	f.Add(0.0, 0, byte(0), 0, byte(0), int64(-1), false)
	f.Fuzz(func(t *testing.T, limit float64, burst int, limiter byte, maxInFlight int, overflow byte, timeout int64, timing bool) {
		opts := dispatcher.Options{
			RateLimit: limit, Burst: burst, MaxInFlight: maxInFlight,
			Overflow: dispatcher.Overflow(overflow), Timeout: time.Duration(timeout), Timing: timing,
		}
		switch limiter % 3 {
		case 1:
			opts.Limiter = rate.NewLimiter(1, 1)
		case 2:
			opts.Limiter = (*rate.Limiter)(nil)
		}
		// The fields that are wrong, in any order.
		wrong := map[string]bool{
			"RateLimit":   math.IsNaN(limit) || math.IsInf(limit, 0) || limit < 0 || limit != 0 && opts.Limiter != nil,
			"Burst":       burst < 0 || burst > 0 && limit == 0,
			"Limiter":     limiter%3 == 2 || limit != 0 && opts.Limiter != nil,
			"MaxInFlight": maxInFlight < 0,
			"Overflow":    overflow > 1,
			"Timeout":     timeout < 0,
		}
		refused := false
		for _, w := range wrong {
			refused = refused || w
		}
		q := newRing(t, 2)
		d, err := dispatcher.New[int, int](q, opts)
		if refused {
			require.Nil(t, d)
			named := false
			for field, w := range wrong {
				named = named || w && strings.Contains(err.Error(), "Options."+field)
			}
			require.True(t, named, "%v, want one of %v", err, wrong)
			return
		}
		require.NoError(t, err)
		for range 4 {
			if err := d.TrySend(1); err != nil {
				require.ErrorIs(t, err, dispatcher.ErrOverloaded)
			}
		}
		ended, cancel := context.WithCancel(bg)
		cancel()
		_, err = d.Request(ended, 1)
		require.ErrorIs(t, err, context.Canceled)
		s := d.Stats()
		require.EqualValues(t, q.Stats().Pushed, s.Commands)
		require.EqualValues(t, 4, s.Commands+s.RateLimited+s.QueueFull)
		require.Zero(t, s.InFlight)
	})
}
