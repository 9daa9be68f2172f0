package line

import (
	"context"

	"github.com/sparkpipe/sparkpipe/queue"
)

// How many values a batch has at most, on every side that has batches.
const (
	PutBatch  = 16
	TakeBatch = 64
)

// Home returns the contestants that stand beside every rival.
func Home[T Payload]() []Contestant {
	return []Contestant{
		{Name: "chan", Open: overChan[T]},
		{Name: "ring", Open: overRing[T]},
		{Name: "ring-batch", Open: overRingBatch[T]},
		{Name: "mutex", Open: overMutex[T]},
		{Name: "mutex-batch", Open: overMutexBatch[T]},
	}
}

func overChan[T Payload](Shape) Line {
	ch := make(chan T, Capacity)
	return Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				ch <- Value[T](lo)
			}
		},
		Take: func() (n, sum int) {
			for v := range ch {
				n++
				sum += Number(&v)
			}
			return n, sum
		},
		Close: func() { close(ch) },
	}
}

func newRing[T any]() *queue.Ring[T] {
	q, err := queue.NewRing[T](queue.Options{Capacity: Capacity})
	if err != nil {
		panic(err)
	}
	return q
}

func overRing[T Payload](Shape) Line {
	q := newRing[T]()
	ctx := context.Background()
	return Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				_ = q.Push(ctx, Value[T](lo))
			}
		},
		Take: func() (n, sum int) {
			for {
				v, err := q.Pop(ctx)
				if err != nil {
					return n, sum
				}
				n++
				sum += Number(&v)
			}
		},
		Close: q.Close,
	}
}

func overRingBatch[T Payload](Shape) Line {
	q := newRing[T]()
	ctx := context.Background()
	return Line{
		Put: func(lo, hi int) {
			putBatches(lo, hi, func(vs []T) { _, _ = q.PushBatch(ctx, vs) })
		},
		Take: func() (n, sum int) {
			var buf [TakeBatch]T
			for {
				k, err := q.PopBatch(ctx, buf[:])
				if err != nil {
					return n, sum
				}
				n += k
				sum += total(buf[:k])
			}
		},
		Close: q.Close,
	}
}

// putBatches gives put the values lo to hi-1, PutBatch at a time.
func putBatches[T Payload](lo, hi int, put func([]T)) {
	var buf [PutBatch]T
	for lo < hi {
		n := min(len(buf), hi-lo)
		for i := range buf[:n] {
			buf[i] = Value[T](lo + i)
		}
		put(buf[:n])
		lo += n
	}
}

// total returns the sum of the values' numbers.
func total[T Payload](vs []T) (sum int) {
	for i := range vs {
		sum += Number(&vs[i])
	}
	return sum
}
