package server

import (
	"context"
)

// serveLoops drains the queue on Options.Concurrency goroutines, this one
// included, and returns when it is closed and drained and all of them are
// done. With Concurrency 1 all handler calls are on this goroutine.
func (s *Server[Req, Resp]) serveLoops() {
	if !s.spread { // or this goroutine has replaced one that a handler ended
		s.spread = true
		for i := 1; i < s.opts.Concurrency; i++ {
			s.others.Add(1)
			go s.loop()
		}
	}
	s.drainLoop()
	s.others.Wait()
}

// loop is drainLoop on a goroutine of its own, which inherits the label.
func (s *Server[Req, Resp]) loop() {
	drained := false
	defer func() {
		if drained {
			s.others.Done()
			return
		}
		go s.loop() // a handler has ended this goroutine with Goexit
	}()
	s.drainLoop()
	drained = true
}

func (s *Server[Req, Resp]) drainLoop() {
	if s.adaptive != nil {
		s.drainAdaptively()
		return
	}
	for {
		e, err := s.loops.Pop(context.Background())
		if err != nil { // ErrClosed: drained
			return
		}
		s.handle(&e, true)
	}
}
