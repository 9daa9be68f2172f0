package testx

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPark(t *testing.T) {
	c := make(chan int)
	for i := 0; i < 100; i++ {
		result := Park(t, func() int { return <-c })
		assert.Empty(t, result)
		c <- i
		assert.Equal(t, i, Recv(t, result))
	}
}

func TestJoin(t *testing.T) {
	n := make([]int, 8)
	Join(t, Times(len(n), func(i int) { n[i] = i + 1 })...)
	assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8}, n)
}

func TestAtOnce(t *testing.T) {
	a, b := make(chan int), make(chan int)
	AtOnce(t, func() { a <- <-b }, func() { b <- 1; <-a })
}

func TestCPUTime(t *testing.T) {
	before, ok := CPUTime()
	if !ok {
		t.Skip("this system does not tell")
	}
	for now := before; now <= before; now, _ = CPUTime() {
		// Asking is work enough: it ends when the clock has moved.
	}
}

func TestGarbage(t *testing.T) {
	var g Garbage
	keep := g.New()
	g.New()
	for g.taken.Load() == 0 {
		runtime.GC()
	}
	assert.EqualValues(t, 1, g.taken.Load())
	runtime.KeepAlive(keep)
	keep = nil
	g.Collected(t)
}
