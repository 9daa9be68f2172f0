//go:build !modelcheck && !yieldhooks

package atomic

import "syscall"

// nap has the thread sleep for 20 microseconds, and as much more as the kernel's timers
// are coarse. It is no time.Sleep, which in a bubble of testing/synctest would take the
// bubble's time, and be seen as rest by synctest.Wait.
func nap() { _ = syscall.Nanosleep(&syscall.Timespec{Nsec: 20_000}, nil) }
