//go:build !go1.23

package zenq

import (
	"github.com/alphadose/zenq/v2"

	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
)

// Queues returns the contestants. With several consumers ZenQ crashes the
// process when the ring is small, and has done so at the capacity that is
// measured; README.md has the observations.
func Queues[T line.Payload]() []line.Contestant {
	return append(line.Home[T](), line.Contestant{Name: "zenq", Open: overZenQ[T], Fits: line.OneConsumer})
}

func overZenQ[T line.Payload](line.Shape) line.Line {
	q := zenq.New[T](line.Capacity)
	return line.Line{
		Put: func(lo, hi int) {
			for ; lo < hi; lo++ {
				q.Write(line.Value[T](lo))
			}
		},
		Take: func() (n, sum int) {
			for {
				v, open := q.Read()
				if !open {
					return n, sum
				}
				n++
				sum += line.Number(&v)
			}
		},
		Close: func() { q.Close() },
	}
}
