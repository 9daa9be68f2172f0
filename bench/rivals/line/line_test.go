package line

import (
	"fmt"
	"testing"
)

// Every contestant of the home side moves every value once, in every shape:
// under the race detector, which the rivals do not bear.
func TestMove(t *testing.T) {
	const values = 20_000
	for _, shape := range Shapes {
		for _, c := range Home[Block]() {
			t.Run(fmt.Sprintf("%v/%s", shape, c.Name), func(t *testing.T) {
				n, sum := c.Open(shape).Move(shape, values)
				if n != values || sum != values*(values-1)/2 {
					t.Errorf("%d of %d arrived, sum %d", n, values, sum)
				}
			})
		}
	}
}

// A full Mutex makes a producer wait until Close, what was accepted can be
// taken, in order, and nothing is accepted any more.
func TestMutexClose(t *testing.T) {
	q := NewMutex[int](4)
	if !q.PutAll([]int{0, 1, 2}) || !q.Put(3) {
		t.Fatal("refused before Close")
	}
	waiting := make(chan bool)
	go func() { waiting <- q.Put(4) }()
	q.Close()
	if <-waiting {
		t.Error("accepted into a full queue")
	}
	if q.Put(5) || q.PutAll([]int{5}) {
		t.Error("accepted after Close")
	}
	if got := fmt.Sprint(q.Take(nil), q.Take(nil)); got != "[0 1 2 3] []" {
		t.Errorf("took %s", got)
	}
}

// A torn Block has another number.
func TestNumber(t *testing.T) {
	v := Value[Block](7)
	if n := Number(&v); n != 7 {
		t.Errorf("number %d", n)
	}
	v[7] = 8
	if n := Number(&v); n == 7 {
		t.Error("a torn block passes")
	}
}
