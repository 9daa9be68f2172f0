package rivals

import (
	"runtime"

	"github.com/smarty/go-disruptor"

	"github.com/sparkpipe/sparkpipe/bench/rivals/line"
)

// Spin is the wait strategy that calls runtime.Gosched wherever the disruptor
// waits.
type Spin struct{}

func (Spin) Gate(int64)    { runtime.Gosched() }
func (Spin) Idle(int64)    { runtime.Gosched() }
func (Spin) Reserve(int64) { runtime.Gosched() }

// cells are the values, which a disruptor leaves to its user, and their handler.
type cells[T line.Payload] struct {
	of     [line.Capacity]T
	n, sum int
}

func (c *cells[T]) at(sequence int64) *T { return &c.of[sequence&(line.Capacity-1)] }

func (c *cells[T]) Handle(lower, upper int64) {
	for s := lower; s <= upper; s++ {
		c.n++
		c.sum += line.Number(c.at(s))
	}
}

// overDisruptor reserves and commits batch cells at a time. Every handler of a
// disruptor sees every event, so there is one, and one consumer.
func overDisruptor[T line.Payload](spin bool, batch int) func(line.Shape) line.Line {
	return func(shape line.Shape) line.Line {
		c := new(cells[T])
		opts := disruptor.Options
		wait := opts.WaitStrategy(Spin{})
		if !spin {
			wait = opts.NewHandlerGroup() // nothing: the default stays
		}
		d, err := disruptor.New(opts.BufferCapacity(line.Capacity), opts.WriterCount(uint8(shape.Producers)),
			opts.NewHandlerGroup(c), wait)
		if err != nil {
			panic(err)
		}
		return line.Line{
			Put: func(lo, hi int) {
				for lo < hi {
					n := min(batch, hi-lo)
					upper := d.Reserve(uint32(n))
					lower := upper - int64(n) + 1
					for s := lower; s <= upper; s++ {
						*c.at(s) = line.Value[T](lo)
						lo++
					}
					d.Commit(lower, upper)
				}
			},
			Take: func() (int, int) {
				d.Listen()
				return c.n, c.sum
			},
			Close: func() {
				// Listen looks for events, then whether it is closed: one that is
				// committed in between, just before Close, is left behind. Who can
				// reserve all cells knows that all were handled.
				d.Reserve(line.Capacity)
				_ = d.Close()
			},
		}
	}
}
