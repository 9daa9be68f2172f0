package queue_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/queue"
)

func TestCapacity(t *testing.T) {
	each(t, func(t *testing.T, b queue.Backend) {
		for _, tt := range []struct{ ask, want int }{
			{0, queue.DefaultCapacity},
			{1, 2},
			{2, 2},
			{3, 4},
			{4, 4},
			{100, 128},
			{1000, 1024},
			{1024, 1024},
			{1025, 2048},
		} {
			q := open[int](t, b, tt.ask)
			assert.Equal(t, tt.want, q.Cap(), "for %d", tt.ask)
			assert.Equal(t, tt.want, q.Stats().Cap, "for %d", tt.ask)
			for i := 0; i < q.Cap(); i++ {
				require.NoError(t, q.TryPush(i), "%d of %d", i, q.Cap())
			}
			assert.Equal(t, queue.ErrFull, q.TryPush(-1), "for %d", tt.ask)
		}
	})
}

func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		opts queue.Options
		err  string
	}{
		{queue.Options{Capacity: -1}, "queue: Options.Capacity: -1 is negative"},
		{queue.Options{Capacity: queue.MaxCapacity + 1}, "queue: Options.Capacity: 1073741825 is above 1073741824"},
		{queue.Options{Capacity: -1, Backend: queue.BackendChan}, "queue: Options.Capacity: -1 is negative"},
		{queue.Options{Capacity: -1, Backend: queue.BackendZenQ}, "queue: Options.Capacity: -1 is negative"},
		{queue.Options{Capacity: queue.MaxCapacity + 1, Backend: queue.BackendChan}, "queue: Options.Capacity: 1073741825 is above 1073741824"},
		{queue.Options{Backend: 3}, "queue: Options.Backend: unknown backend 3"},
		{queue.Options{Backend: 255, Capacity: 8}, "queue: Options.Backend: unknown backend 255"},
	} {
		t.Run(fmt.Sprintf("%+v", tt.opts), func(t *testing.T) {
			q, err := queue.New[int](tt.opts)
			assert.EqualError(t, err, tt.err)
			assert.True(t, q == nil, "an interface that is not nil but holds a nil pointer: %T", q)
		})
	}
}

// So many large values that no machine can address them are an error, too.
func TestTooManyLargeValues(t *testing.T) {
	q, err := queue.NewRing[[1 << 20]byte](queue.Options{Capacity: queue.MaxCapacity})
	assert.ErrorContains(t, err, "queue: Options.Capacity: 1073741824 is too many")
	assert.Nil(t, q)
}

// The concrete constructors ignore the backend and mind the rest.
func TestConcrete(t *testing.T) {
	for _, b := range []queue.Backend{queue.BackendRing, queue.BackendChan, queue.BackendZenQ, 9} {
		ring, err := queue.NewRing[string](queue.Options{Capacity: 3, Backend: b})
		require.NoError(t, err)
		assert.Equal(t, 4, ring.Cap())
		ch, err := queue.NewChan[string](queue.Options{Capacity: 3, Backend: b})
		require.NoError(t, err)
		assert.Equal(t, 4, ch.Cap())
	}
	ring, err := queue.NewRing[int](queue.Options{Capacity: -7})
	assert.EqualError(t, err, "queue: Options.Capacity: -7 is negative")
	assert.Nil(t, ring)
	ch, err := queue.NewChan[int](queue.Options{Capacity: -7})
	assert.EqualError(t, err, "queue: Options.Capacity: -7 is negative")
	assert.Nil(t, ch)
}

func TestDefaultIsTheRing(t *testing.T) {
	q, err := queue.New[int](queue.Options{})
	require.NoError(t, err)
	assert.IsType(t, (*queue.Ring[int])(nil), q)
	assert.Equal(t, 1024, q.Cap())
}

func TestBackendString(t *testing.T) {
	for want, b := range map[string]queue.Backend{
		"ring": queue.BackendRing, "chan": queue.BackendChan, "zenq": queue.BackendZenQ, "Backend(7)": 7,
	} {
		assert.Equal(t, want, b.String())
	}
}

func TestErrors(t *testing.T) {
	all := []error{queue.ErrFull, queue.ErrClosed, queue.ErrUnavailable}
	for i, err := range all {
		for k, other := range all {
			if i == k {
				assert.ErrorIs(t, err, other)
			} else {
				assert.NotErrorIs(t, err, other)
			}
		}
	}
}
