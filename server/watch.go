package server

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// watch notices a handler call that others have waited behind for long.
//
// Nobody reads a clock for it: a message that is queued behind an owner starts
// a timer, unless it runs. When the timer fires and the queue has moved on,
// all is well; when the head is still where it was and messages wait, one call
// has held them up for the whole time.
type watch struct {
	limit    time.Duration
	logger   *slog.Logger
	progress func() (popped uint64, waiting int)

	running atomic.Bool // the timer is; so a push costs one load

	mu     sync.Mutex
	timer  *time.Timer // nil: never used
	popped uint64      // when the timer was started
	logged bool        // the call at popped
	ended  bool
}

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
	if w.ended || !w.running.CompareAndSwap(false, true) {
		return
	}
	w.popped, _ = w.progress()
	w.logged = false
	if w.timer == nil {
		w.timer = time.AfterFunc(w.limit, w.look)
	} else {
		w.timer.Reset(w.limit)
	}
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	popped, waiting := w.progress()
	if waiting == 0 {
		// A push from here on starts the timer again. One that came between the
		// look and this store did not, so look once more.
		w.running.Store(false)
		if popped, waiting = w.progress(); waiting == 0 || !w.running.CompareAndSwap(false, true) {
			return
		}
	}
	if popped != w.popped {
		w.popped, w.logged = popped, false
	} else if !w.logged {
		w.logged = true
		w.logger.Warn("server: a handler call holds up the queue; does it wait for its own server?",
			"for", w.limit, "waiting", waiting)
	}
	w.timer.Reset(w.limit)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
