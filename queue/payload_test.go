package queue_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/queue"
)

// roundTrips sends values through a queue of T, so that each cell is used by
// several, one at a time and as a batch.
func roundTrips[T any](t *testing.T, b queue.Backend, values ...T) {
	t.Helper()
	through[T](t, open[T](t, b, 2), values)
}

func through[T any](t *testing.T, q queue.Queue[T], values []T) {
	t.Helper()
	for lap := 0; lap < 3; lap++ {
		for _, want := range values {
			require.NoError(t, q.TryPush(want))
			got, ok := q.TryPop()
			require.True(t, ok)
			require.Equal(t, want, got)
		}
		got := make([]T, len(values))
		testx.Join(t,
			func() {
				n, err := q.PushBatch(bg, values)
				assert.NoError(t, err)
				assert.Equal(t, len(values), n)
			},
			func() {
				for n := 0; n < len(got); {
					k, err := q.PopBatch(bg, got[n:])
					if !assert.NoError(t, err) {
						return
					}
					n += k
				}
			})
		require.Equal(t, values, got)
	}
}

func TestPayloads(t *testing.T) {
	type node struct {
		name string
		next *node
	}
	large := func(fill byte) (a [64_000]byte) {
		for i := range a {
			a[i] = fill + byte(i)
		}
		return a
	}
	n := &node{"a", &node{"b", nil}}
	each(t, func(t *testing.T, b queue.Backend) {
		t.Run("struct{}", func(t *testing.T) { roundTrips(t, b, struct{}{}, struct{}{}, struct{}{}) })
		t.Run("[0]func()", func(t *testing.T) { roundTrips(t, b, [0]func(){}, [0]func(){}) })
		t.Run("byte", func(t *testing.T) { roundTrips[byte](t, b, 1, 2, 255) })
		t.Run("string", func(t *testing.T) { roundTrips(t, b, "", "x", "long enough to be somewhere else") })
		t.Run("*T", func(t *testing.T) { roundTrips(t, b, n, nil, n.next) })
		t.Run("struct", func(t *testing.T) { roundTrips(t, b, *n, node{}, *n.next) })
		t.Run("any", func(t *testing.T) { roundTrips[any](t, b, 1, nil, "x", n, struct{}{}) })
		t.Run("error", func(t *testing.T) { roundTrips[error](t, b, nil, errors.New("x"), queue.ErrFull) })
		t.Run("[]byte", func(t *testing.T) { roundTrips(t, b, make([]byte, 1<<20), nil, []byte{1}) })
		t.Run("64 kB", func(t *testing.T) { roundTrips(t, b, large(1), large(2), large(3)) })
	})
}

// Values may be larger than what a Go channel carries, which is 64 KiB.
func TestPayloadOf1MiB(t *testing.T) {
	type large = [1 << 20]byte
	values := make([]large, 3)
	for i := range values {
		values[i][0], values[i][1<<20-1] = byte(i), byte(i)
	}
	for _, b := range []queue.Backend{queue.BackendRing, queue.BackendChan} {
		t.Run(b.String(), func(t *testing.T) {
			q := open[large](t, b, 2)
			for lap := 0; lap < 3; lap++ {
				for i := range values {
					require.NoError(t, q.TryPush(values[i]))
					got, err := q.Pop(bg)
					require.NoError(t, err)
					require.True(t, got == values[i])
				}
			}
			n, err := q.PushBatch(bg, values[:2])
			require.NoError(t, err)
			require.Equal(t, 2, n)
			dst := make([]large, 2)
			n, err = q.PopBatch(bg, dst)
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.True(t, dst[0] == values[0] && dst[1] == values[1])
		})
	}
}
