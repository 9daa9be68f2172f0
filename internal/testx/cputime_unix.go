//go:build unix

package testx

import (
	"syscall"
	"time"
)

// CPUTime returns how much processor time this process has used so far, and
// whether this system tells.
func CPUTime() (time.Duration, bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
