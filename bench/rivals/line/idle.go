package line

import (
	"time"

	"github.com/sparkpipe/sparkpipe/internal/testx"
)

// Idle returns the CPU time that this process takes in a second, in per cent of
// one processor; -1 on a system that does not tell.
func Idle() float64 {
	time.Sleep(100 * time.Millisecond) // what was just started settles
	cpu, _ := testx.CPUTime()
	start := time.Now()
	time.Sleep(time.Second)
	now, ok := testx.CPUTime()
	if !ok {
		return -1
	}
	return 100 * float64(now-cpu) / float64(time.Since(start))
}

// Idle returns the same for a second in which a consumer waits at the empty
// queue, which it closes then.
func (l Line) Idle() float64 {
	done := make(chan struct{})
	go func() { l.Take(); close(done) }()
	percent := Idle()
	l.Close()
	<-done
	return percent
}
