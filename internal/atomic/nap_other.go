//go:build !linux && !modelcheck && !yieldhooks

package atomic

import "runtime"

// nap yields: package syscall cannot have a thread sleep on all systems.
func nap() { runtime.Gosched() }
