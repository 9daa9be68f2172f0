package pprof

import "runtime"

// Stacks returns the stacks of all goroutines as text, as a crash prints them,
// however many there are. The program stands still while they are collected:
// milliseconds for some thousands of goroutines. It can be called from many
// goroutines at once.
func Stacks() []byte {
	for buf := make([]byte, 64<<10); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return buf[:n]
		}
		// A full buffer may have been too small.
	}
}
