package server

import (
	"context"
	"fmt"
	"runtime/pprof"
)

// The stages of the server's goroutine, in order. It is one goroutine at a time:
// if the handler ends it with Goexit, another goes on with the same stage.
const (
	stageNew uint32 = iota
	stageStarting
	stageServing
	stageDrained // the queue is: what was offloaded is awaited
	stageStopping
	stageEnded
)

// launch starts the server's goroutine unless it was; start says whether with
// the handler's Start. s.mu is held.
func (s *Server[Req, Resp]) launch(start bool) {
	if s.launched {
		return
	}
	s.launched = true
	s.clock.start()
	_, s.unstarted = s.starter()
	s.stage.Store(stageServing)
	if start {
		s.stage.Store(stageStarting)
	}
	if s.waiting() > 0 {
		s.watch.behind()
	}
	go s.live()
}

// live is the server's goroutine.
func (s *Server[Req, Resp]) live() {
	if s.opts.Name != "" {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("server", s.opts.Name)))
	}
	defer func() {
		// Start, Stop or a handler call has ended this goroutine with Goexit.
		switch s.stage.Load() {
		case stageStarting:
			s.failedStart(ErrGoexit)
			go s.live()
		case stageServing, stageDrained:
			if s.engine != nil {
				s.engine.handOn() // to the next goroutine
			}
			go s.live()
		case stageStopping:
			s.stopErr = fmt.Errorf("server: Stop: %w", ErrGoexit)
			s.end()
		}
	}()
	if s.stage.Load() == stageStarting {
		if h, ok := s.starter(); ok {
			if err := guard(func() error { return h.Start(s.token) }); err != nil {
				s.failedStart(err)
			} else {
				s.unstarted = false
			}
		}
		s.stage.Store(stageServing)
	}
	if s.engine != nil {
		s.engine.serve()
	} else {
		s.serveLoops()
	}
	s.eviction.end()
	s.stage.Store(stageDrained)
	s.pending.Wait()
	s.cancel(ErrServerClosed)
	if s.supervised != nil {
		s.restartErr = s.supervised.halt()
	}
	s.stage.Store(stageStopping)
	if h, ok := base(s.handler).(Stopper); ok && !s.unstarted {
		if err := guard(func() error { return h.Stop(s.contextOfStop()) }); err != nil {
			s.stopErr = fmt.Errorf("server: Stop: %w", err)
		}
	}
	s.end()
}

// starter returns the handler if it is a Starter.
func (s *Server[Req, Resp]) starter() (Starter, bool) {
	h, ok := base(s.handler).(Starter)
	if s.supervised != nil {
		ok = s.supervised.starts()
	}
	return h, ok
}

func (s *Server[Req, Resp]) failedStart(err error) {
	s.startErr = fmt.Errorf("server: Start: %w", err)
	s.stage.Store(stageServing)
	s.abort(ErrServerClosed)
}

func (s *Server[Req, Resp]) end() {
	s.watch.stop()
	s.clock.stop()
	s.stage.Store(stageEnded)
	close(s.done)
}

// contextOfStop is that of the latest Shutdown if it still waits; otherwise one
// that does not end, since the handler's state is worth saving all the same.
func (s *Server[Req, Resp]) contextOfStop() context.Context {
	s.mu.Lock()
	ctx, done := s.stopCtx, s.stopDone
	s.mu.Unlock()
	if ctx == nil {
		return context.Background()
	}
	select {
	case <-done: // that is what Shutdown goes by; Err may panic, and have Stop not called
		return context.WithoutCancel(ctx)
	default:
		return ctx
	}
}

// guard calls f and makes a panic an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = failure(v)
		}
	}()
	return f()
}
