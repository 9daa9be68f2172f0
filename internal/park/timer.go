package park

import "time"

// Timer is a timer that is used again and again by one goroutine at a time, so
// that a timeout per request costs no allocation. The zero value is ready.
type Timer struct {
	t       *time.Timer
	running bool
}

// Start returns the channel that delivers d after the first Start since Stop;
// further calls return the same channel and change nothing.
func (t *Timer) Start(d time.Duration) <-chan time.Time {
	if !t.running {
		t.running = true
		if t.t == nil {
			t.t = time.NewTimer(d)
		} else {
			t.t.Reset(d)
		}
	}
	return t.t.C
}

// Stop makes the timer ready for its next use. fired says that the caller has
// received from the channel.
func (t *Timer) Stop(fired bool) {
	if !t.running {
		return
	}
	t.running = false
	if !fired && !t.t.Stop() {
		// Programs whose go.mod is older than Go 1.23 have timers that may
		// still deliver after Stop. A tick that would end a stranger's
		// request is worth more than a timer: drop it.
		t.t = nil
	}
}
