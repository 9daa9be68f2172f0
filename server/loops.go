package server

import (
	"context"
	"fmt"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/queue"
)

// openLoops makes the queue behind the loops and returns its capacity.
func (s *Server[Req, Resp]) openLoops() (capacity int, err error) {
	if s.loops, err = queue.New[dispatcher.Envelope[Req, Resp]](s.opts.Queue); err != nil {
		return 0, fmt.Errorf("server: Options.Queue: %w", err)
	}
	if s.opts.Concurrency > 1 {
		s.adaptive = newAdaptive(s.opts.Adaptive, s.opts.Concurrency)
	}
	s.drainers = make([]drainer, s.opts.Concurrency)
	for i := range s.drainers {
		s.drainers[i].kind = newKind()
	}
	return s.loops.Cap(), nil
}

// serveLoops drains the queue on Options.Concurrency goroutines, this one
// included, and returns when it is closed and drained and all of them are
// done. With Concurrency 1 all handler calls are on this goroutine.
func (s *Server[Req, Resp]) serveLoops() {
	if !s.spread { // or this goroutine has replaced one that a handler ended
		s.spread = true
		for i := 1; i < s.opts.Concurrency; i++ {
			s.others.Add(1)
			go s.loop(i)
		}
	}
	s.drainLoop(0)
	s.others.Wait()
}

// loop is drainLoop on a goroutine of its own, which inherits the label.
func (s *Server[Req, Resp]) loop(i int) {
	drained := false
	defer func() {
		if drained {
			s.others.Done()
			return
		}
		go s.loop(i) // a handler has ended this goroutine with Goexit
	}()
	s.drainLoop(i)
	drained = true
}

func (s *Server[Req, Resp]) drainLoop(i int) {
	d := &s.drainers[i]
	if s.adaptive != nil {
		s.drainAdaptively(d)
		return
	}
	for {
		e, ok := s.next(d)
		if !ok {
			return
		}
		s.handle(&e, true)
	}
}

// next waits for the next message, and has d tell that it is about to be
// handled. It is not ok when the queue is closed and drained.
func (s *Server[Req, Resp]) next(d *drainer) (e dispatcher.Envelope[Req, Resp], ok bool) {
	if e, ok = s.loops.TryPop(); !ok {
		d.idle()
		var err error
		if e, err = s.loops.Pop(context.Background()); err != nil {
			return e, false
		}
	}
	if s.dynamic {
		d.kind.begin(e.Message())
	}
	d.begin()
	return e, true
}
