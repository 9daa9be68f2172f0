package server

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// looks is how often the watch looks in each limit.
const looks = 4

// watch notices a handler call that others have waited behind for long.
//
// Nobody reads a clock for it: a message that is queued behind an owner starts
// a timer, unless it runs. The timer looks a few times in each limit. If another
// message was begun since the look before, all is well; when none was for as many
// looks as make the limit, and messages wait, one call has held them up.
type watch struct {
	limit    time.Duration
	logger   *slog.Logger
	progress func() (begun uint64, waiting int)

	running atomic.Bool // the timer is: written under mu, and a push costs one load

	mu    sync.Mutex
	timer *time.Timer // nil: never used
	begun uint64      // at the last look
	still int         // looks in a row that found it so
	ended bool

	logging sync.WaitGroup // of what is logged now: the server's end waits for it
}

// every is how long there is between two looks: not so short that the looks are work.
func (w *watch) every() time.Duration { return max(w.limit/looks, time.Millisecond) }

func (w *watch) init(o Options, progress func() (uint64, int)) {
	w.limit, w.logger, w.progress = o.SlowHandler, o.Logger, progress
}

// behind is called after a push that found the server owned. It does not block.
func (w *watch) behind() {
	if w.limit > 0 && !w.running.Load() {
		w.start()
	}
}

func (w *watch) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.running.Load() {
		return
	}
	w.running.Store(true)
	w.begun, _ = w.progress()
	w.still = 0
	if w.timer == nil {
		w.timer = time.AfterFunc(w.every(), w.look)
	} else {
		w.timer.Reset(w.every())
	}
}

func (w *watch) look() {
	if waiting := w.stuck(); waiting > 0 {
		defer w.logging.Done()
		w.logger.Warn("server: a handler call holds up the queue; does it wait for its own server?",
			"for", w.limit, "waiting", waiting)
	}
}

// stuck looks, and returns how many wait if that is to be logged: by the caller, not
// under the lock, which a Shutdown with a ctx takes.
func (w *watch) stuck() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return 0
	}
	begun, waiting := w.progress()
	if waiting == 0 {
		// A push from here on starts the timer again. One that came between the
		// look and this store did not, so look once more.
		w.running.Store(false)
		if begun, waiting = w.progress(); waiting == 0 {
			return 0
		}
		w.running.Store(true)
	}
	if begun != w.begun {
		w.begun, w.still = begun, 0
	} else if w.still++; w.still == looks {
		n = waiting
		w.logging.Add(1)
	}
	w.timer.Reset(w.every())
	return n
}

// stood returns for how long, at least, no message was begun after that of begun.
func (w *watch) stood(begun uint64) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.running.Load() || w.begun != begun {
		return 0
	}
	return time.Duration(w.still) * w.every()
}

func (w *watch) stop() {
	w.mu.Lock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	w.logging.Wait()
}
