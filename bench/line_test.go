package bench

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/queue"
)

// line is a queue as its benchmarks use it. The loops belong to it, so that
// each contestant is called the way its users call it.
type line interface {
	// put queues payloads with the values lo to hi-1, and blocks while there is
	// no room.
	put(lo, hi int)
	// take takes payloads until it has max of them, or the line is closed and
	// drained. It blocks while there is none.
	take(max int) (n, sum int)
	close()
}

// wide is a payload of a cache line.
type wide [8]int64

type payload interface{ int | wide }

// with returns the payload that has the value v.
func with[T payload](v int) (p T) {
	switch p := any(&p).(type) {
	case *int:
		*p = v
	case *wide:
		p[0], p[7] = int64(v), int64(v)
	}
	return p
}

// value returns the value of a payload; if it is torn, one that no sum contains.
func value[T payload](p *T) int {
	switch p := any(p).(type) {
	case *int:
		return *p
	case *wide:
		if p[0] == p[7] {
			return int(p[0])
		}
		return math.MinInt32
	}
	return 0
}

const putBatch, takeBatch = 16, 64

// queueContestant makes lines.
type queueContestant struct {
	name string
	make func(tb testing.TB, capacity int) line
}

func queueContestants[T payload]() []queueContestant {
	ring := func(tb testing.TB, capacity int) ringLine[T] {
		q, err := queue.NewRing[T](queue.Options{Capacity: capacity})
		require.NoError(tb, err)
		return ringLine[T]{q, context.Background()}
	}
	return []queueContestant{
		{"chan", func(_ testing.TB, capacity int) line { return make(chanLine[T], capacity) }},
		{"chan-batch", func(_ testing.TB, capacity int) line { return newSliceLine[T](capacity) }},
		{"ring", func(tb testing.TB, capacity int) line { return ring(tb, capacity) }},
		{"ring-batch", func(tb testing.TB, capacity int) line { return batchLine[T]{ring(tb, capacity)} }},
	}
}

type chanLine[T payload] chan T

func (l chanLine[T]) put(lo, hi int) {
	for v := lo; v < hi; v++ {
		l <- with[T](v)
	}
}

func (l chanLine[T]) take(max int) (n, sum int) {
	for n < max {
		p, ok := <-l
		if !ok {
			break
		}
		n, sum = n+1, sum+value(&p)
	}
	return n, sum
}

func (l chanLine[T]) close() { close(l) }

// sliceLine is a channel of slices that go back over a second channel, which has
// room for those in the hands of producers and consumers, too.
type sliceLine[T payload] struct{ full, free chan []T }

func newSliceLine[T payload](capacity int) sliceLine[T] {
	l := sliceLine[T]{make(chan []T, capacity/putBatch), make(chan []T, capacity/putBatch+128)}
	for i := 0; i < cap(l.full); i++ {
		l.free <- make([]T, 0, putBatch)
	}
	return l
}

func (l sliceLine[T]) put(lo, hi int) {
	for lo < hi {
		var buf []T
		select {
		case buf = <-l.free:
		default:
			buf = make([]T, 0, putBatch)
		}
		for end := min(hi, lo+putBatch); lo < end; lo++ {
			buf = append(buf, with[T](lo))
		}
		l.full <- buf
	}
}

// take does not divide slices: max must be where one ends.
func (l sliceLine[T]) take(max int) (n, sum int) {
	for n < max {
		buf, ok := <-l.full
		if !ok {
			break
		}
		n += len(buf)
		for i := range buf {
			sum += value(&buf[i])
		}
		select {
		case l.free <- buf[:0]:
		default:
		}
	}
	return n, sum
}

func (l sliceLine[T]) close() { close(l.full) }

// ringLine pushes and pops one payload at a time.
type ringLine[T payload] struct {
	q   *queue.Ring[T]
	ctx context.Context
}

func (l ringLine[T]) put(lo, hi int) {
	for v := lo; v < hi; v++ {
		_ = l.q.Push(l.ctx, with[T](v)) // what is missing in the end is found out
	}
}

func (l ringLine[T]) take(max int) (n, sum int) {
	for n < max {
		p, err := l.q.Pop(l.ctx)
		if err != nil {
			break
		}
		n, sum = n+1, sum+value(&p)
	}
	return n, sum
}

func (l ringLine[T]) close() { l.q.Close() }

// batchLine pushes and pops several at a time.
type batchLine[T payload] struct{ ringLine[T] }

func (l batchLine[T]) put(lo, hi int) {
	var buf [putBatch]T
	for lo < hi {
		n := min(len(buf), hi-lo)
		for i := range buf[:n] {
			buf[i] = with[T](lo + i)
		}
		_, _ = l.q.PushBatch(l.ctx, buf[:n])
		lo += n
	}
}

func (l batchLine[T]) take(max int) (n, sum int) {
	var buf [takeBatch]T
	for n < max {
		k, err := l.q.PopBatch(l.ctx, buf[:min(len(buf), max-n)])
		if err != nil {
			break
		}
		n += k
		for i := range buf[:k] {
			sum += value(&buf[i])
		}
	}
	return n, sum
}
