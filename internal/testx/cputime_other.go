//go:build !unix

package testx

import "time"

// CPUTime returns how much processor time this process has used so far, and
// whether this system tells.
func CPUTime() (time.Duration, bool) { return 0, false }
