package queuetest

import (
	"fmt"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Value is what the suite sends through a queue that can carry any type. It is
// 64 bytes whose fields all follow from one number, two of them behind a
// pointer, so that a value that was read half before and half after another
// write, or before it was written, is seen. Its zero value is none.
type Value struct {
	n       uint64 // the number, plus 1
	minus   uint64 // 7 less
	times   uint64 // an odd multiple
	word    string
	behind  *behind
	garbage *testx.Value // nil, but where the suite watches what is kept alive
}

type behind struct{ n, inverse uint64 }

var words = [...]string{"", "a", "of", "the", "ring", "claim", "parked", "publish"}

// NewValue returns the value of number n, which is 0 or more.
func NewValue(n int) Value {
	u := uint64(n) + 1
	return Value{
		n: u, minus: u - 7, times: u * odd, word: words[u%uint64(len(words))],
		behind: &behind{u, ^u},
	}
}

const odd = 0x9E3779B97F4A7C15

// Number returns the number that v was made of, or -1 if v is not a value that
// NewValue has returned: if it is zero, or made of two.
func (v Value) Number() int {
	if v.n == 0 || v.minus != v.n-7 || v.times != v.n*odd || v.word != words[v.n%uint64(len(words))] ||
		v.behind == nil || v.behind.n != v.n || v.behind.inverse != ^v.n {
		return -1
	}
	return int(v.n - 1)
}

// String returns "Value 5" for the value of number 5.
func (v Value) String() string { return fmt.Sprint("Value ", v.Number()) }
