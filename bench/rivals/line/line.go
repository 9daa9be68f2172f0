// Package line moves values through bounded queues, in the same way through
// each, and has the queues that stand beside every rival: a plain channel, our
// ring, and a slice under a mutex. It is a module of its own and asks for no
// newer Go than ZenQ links with.
package line

import (
	"fmt"
	"sync"
	"testing"
)

// Block is the payload of 64 bytes.
type Block [8]uint64

// Payload is what the queues carry.
type Payload interface{ int | Block }

// Value returns the payload with number n. It writes the first and the last
// word of a Block.
func Value[T Payload](n int) (v T) {
	switch p := any(&v).(type) {
	case *int:
		*p = n
	case *Block:
		p[0], p[7] = uint64(n), uint64(n)
	}
	return v
}

// Number returns the number of *v, and another one if *v is a Block of which the
// two words differ, so that the sum shows a torn one.
func Number[T Payload](v *T) int {
	switch p := any(v).(type) {
	case *int:
		return *p
	case *Block:
		return int(p[0] + (p[0] ^ p[7]))
	}
	return -1
}

// Line is a queue as the benchmarks use it. The loops over the values are the
// queue's own, so that the harness costs nothing for each value.
type Line struct {
	// Put puts the values with the numbers lo to hi-1, and waits while the queue
	// is full. Each producer calls it once.
	Put func(lo, hi int)

	// Take takes values until the queue is closed and drained, and returns how
	// many and the sum of their numbers. Each consumer calls it once.
	Take func() (n, sum int)

	// Close is called once, after every Put has returned.
	Close func()
}

// Shape is how many goroutines put and how many take.
type Shape struct{ Producers, Consumers int }

func (s Shape) String() string { return fmt.Sprintf("%dP%dC", s.Producers, s.Consumers) }

// Shapes are those that are measured.
var Shapes = []Shape{{1, 1}, {4, 1}, {64, 1}, {4, 4}}

// Capacity is that of every queue.
const Capacity = 1024

// Contestant opens a queue for one run.
type Contestant struct {
	Name string
	Fits func(Shape) bool // the shapes it is made for; nil: all
	Open func(Shape) Line
}

// OneConsumer fits the shapes with one consumer.
func OneConsumer(s Shape) bool { return s.Consumers == 1 }

// OneToOne fits the shape with one producer and one consumer.
func OneToOne(s Shape) bool { return s == Shape{1, 1} }

// Bench runs every contestant in every shape that it fits, one beside the other.
func Bench(b *testing.B, payload string, contestants []Contestant) {
	for _, shape := range Shapes {
		for _, c := range contestants {
			if c.Fits != nil && !c.Fits(shape) {
				continue
			}
			b.Run(fmt.Sprintf("payload=%s/cap=%d/shape=%v/impl=%s", payload, Capacity, shape, c.Name), func(b *testing.B) {
				l := c.Open(shape)
				b.ReportAllocs()
				b.ResetTimer()
				n, sum := l.Move(shape, b.N)
				b.StopTimer()
				if n != b.N || sum != b.N*(b.N-1)/2 {
					b.Fatalf("%d of %d arrived, sum %d", n, b.N, sum)
				}
			})
		}
	}
}

// Move has the producers put the values 0 to n-1 and the consumers take them
// all. It returns how many arrived, and their sum.
func (l Line) Move(shape Shape, n int) (count, sum int) {
	var putting, taking sync.WaitGroup
	for p := 0; p < shape.Producers; p++ {
		putting.Add(1)
		go func() {
			defer putting.Done()
			l.Put(n*p/shape.Producers, n*(p+1)/shape.Producers)
		}()
	}
	var mu sync.Mutex
	for c := 0; c < shape.Consumers; c++ {
		taking.Add(1)
		go func() {
			defer taking.Done()
			k, s := l.Take()
			mu.Lock()
			count, sum = count+k, sum+s
			mu.Unlock()
		}()
	}
	putting.Wait()
	l.Close()
	taking.Wait()
	return count, sum
}
