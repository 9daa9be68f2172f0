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

// Neither of two is always the first.
func TestAtOnceIsFair(t *testing.T) {
	var first [2]int
	for first[0] == 0 || first[1] == 0 {
		c := make(chan int, 2)
		AtOnce(t, func() { c <- 0 }, func() { c <- 1 })
		first[<-c]++
	}
}

func TestGoroutines(t *testing.T) {
	stop, id := make(chan struct{}), make(chan int)
	go func() { id <- self(); <-stop }()
	other := <-id
	assert.True(t, Goroutines()[other])
	assert.True(t, Goroutines()[self()])
	assert.NotEqual(t, self(), other)
	close(stop)
	Eventually(t, func() bool { return !Goroutines()[other] }, "it is gone when it has ended")
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
