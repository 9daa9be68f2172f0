package server

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/gradient"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/queue"
)

// AdaptiveOptions lets a server find out by itself how many handler calls to run at
// once: as many as do not slow each other down. For that it compares the latency of
// few at a time with that of many (a gradient, as in Netflix's concurrency-limits,
// with the baseline of Envoy's filter). The zero value turns it off.
//
// It limits two things, each by itself. With Options.Concurrency above 1, how many
// of its goroutines drain the queue; one that has begun to wait for a message, or
// to handle it, still does. With a handler that offloads, how many messages the
// pool has at a time, those that wait there included: the others wait in the
// server's backlog, as do those that wait for their key (Keyer), whatever the
// limit. The limits are in Stats. It has no effect on anything else.
type AdaptiveOptions struct {
	// Min is the lowest limit. At first, and from time to time, the limit is Min
	// for some tens of calls, to measure the latency of few: choose a number of
	// calls that do not slow each other down. Meanwhile Min calls that do not
	// return, or that wait for their own server, hold up all others. 0 means 1;
	// negative is an error.
	Min int

	// Max is the highest limit, and turns it on. Of the goroutines that drain the
	// queue there are no more than Concurrency in any case. 0 turns it off, and Min
	// must then be 0, too; negative, or less than Min, is an error.
	Max int
}

func (o AdaptiveOptions) withDefaults() (AdaptiveOptions, error) {
	if o.Min < 0 || o.Max < 0 || o.Max < o.Min {
		return o, fmt.Errorf("server: Options.Adaptive: Min %d and Max %d: want 0 <= Min <= Max", o.Min, o.Max)
	}
	if o.Max > 0 {
		o.Min = max(o.Min, 1)
	}
	return o, nil
}

// adaptive has places, as many as the limit says now.
type adaptive struct {
	limit *gradient.Limit
	epoch time.Time
	taken atomic.Int64
	busy  atomic.Int64 // of the loops' places, those with a handler call
	room  park.Gate    // those who wait for a place
	spare sync.Pool    // of room
}

// newAdaptive returns nil if o is off.
func newAdaptive(o AdaptiveOptions, most int) *adaptive {
	if o.Max == 0 {
		return nil
	}
	most = min(most, o.Max)
	a := &adaptive{limit: gradient.New(min(o.Min, most), most), epoch: time.Now()}
	a.room.Pool = &a.spare
	return a
}

// now returns the limit; 0 if there is none.
func (a *adaptive) now() int {
	if a == nil {
		return 0
	}
	return a.limit.Limit()
}

func (a *adaptive) hasRoom() bool { return a.taken.Load() < int64(a.limit.Limit()) }

// try takes a place if there is one.
func (a *adaptive) try() bool {
	for n := a.taken.Load(); n < int64(a.limit.Limit()); n = a.taken.Load() {
		if a.taken.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// enter takes a place and waits for it until done is closed. Who leaves a place,
// and the sample that makes the limit higher, wake the one that waits longest,
// and that one the next if there is more room.
func (a *adaptive) enter(done <-chan struct{}) bool {
	return a.try() || a.room.Until(a.try, a.hasRoom, done, nil, nil) == park.Woken
}

func (a *adaptive) leave() {
	a.taken.Add(-1)
	a.room.Wake()
}

// sample tells of a handler call that was done, and with how many it had begun.
func (a *adaptive) sample(since time.Time, with int64) {
	now := time.Now()
	a.limit.Sample(now.Sub(a.epoch), now.Sub(since), int(with))
	if a.hasRoom() {
		a.room.Wake()
	}
}

// drainAdaptively is drainLoop on a goroutine that drains only while it has a
// place. It keeps the place as long as there are not too many.
func (s *Server[Req, Resp]) drainAdaptively(d *drainer) {
	a := s.adaptive
	placed, busy := false, false
	defer func() { // also when a handler calls Goexit
		if busy {
			a.busy.Add(-1)
		}
		if placed {
			a.leave()
		}
	}()
	for {
		if !placed {
			d.idle()              // who waits for a place handles nothing
			placed = a.enter(nil) // it comes: the others leave at the end
		}
		e, ok := s.next(d)
		if !ok {
			return
		}
		with, since := a.busy.Add(1), time.Now()
		busy = true
		called := s.handle(&e, true)
		a.busy.Add(-1)
		busy = false
		if called {
			a.sample(since, with)
		}
		if a.taken.Load() > int64(a.limit.Limit()) {
			placed = false
			a.leave()
		}
	}
}

// limitPool puts the limit before Options.Pool.
func (s *Server[Req, Resp]) limitPool() {
	if s.opts.Pool != nil {
		s.parallel = newAdaptive(s.opts.Adaptive, s.opts.Adaptive.Max)
	}
	if s.parallel != nil {
		p := &limitedPool{pool: s.opts.Pool, adaptive: s.parallel}
		p.tasks.New = func() any { return &limitedTask{pool: p} }
		s.opts.Pool = p
	}
}

// limitedPool is a pool that is full when there is no place.
type limitedPool struct {
	*adaptive
	pool  Executor
	tasks sync.Pool // of *limitedTask
}

// TrySubmit is that of an Executor.
func (p *limitedPool) TrySubmit(t Task) error {
	if !p.try() {
		return queue.ErrFull
	}
	return p.placed(t, p.pool.TrySubmit)
}

// Submit is that of an Executor.
func (p *limitedPool) Submit(ctx context.Context, t Task) error {
	if !p.enter(ctx.Done()) {
		return ctx.Err()
	}
	return p.placed(t, func(t Task) error { return p.pool.Submit(ctx, t) })
}

// placed hands on t, for which a place was taken.
func (p *limitedPool) placed(t Task, submit func(Task) error) error {
	l := p.tasks.Get().(*limitedTask)
	l.task, l.since, l.with = t, time.Now(), p.taken.Load()
	taken := false
	defer func() { // also when the pool panics or calls Goexit
		if !taken {
			l.end()
		}
	}()
	err := submit(l)
	taken = err == nil
	return err
}

// limitedTask is a task that has a place; recycled.
type limitedTask struct {
	pool  *limitedPool
	task  Task
	since time.Time // it has the place, and waits for a worker
	with  int64     // as many, itself included
}

// Run runs the task on a worker.
func (l *limitedTask) Run() {
	defer l.end()
	if l.task.(interface{ run() bool }).run() {
		l.pool.sample(l.since, l.with)
	}
}

// end gives the place up and recycles l.
func (l *limitedTask) end() {
	p := l.pool
	l.task = nil
	p.tasks.Put(l)
	p.leave()
}
