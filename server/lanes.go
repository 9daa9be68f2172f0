package server

import (
	"context"
	"sync"
	"time"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/atomic"
	"github.com/sparkpipe/sparkpipe/internal/counter"
	"github.com/sparkpipe/sparkpipe/internal/pad"
	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/ring"
	"github.com/sparkpipe/sparkpipe/queue"
)

// laneEngine is roleEngine for more than one lane: it runs the handler under the
// role of ring.Lanes, which is in the same hands.
type laneEngine[Req, Resp any] struct {
	server   *Server[Req, Resp]
	set      *ring.Lanes[dispatcher.Envelope[Req, Resp]]
	wake     park.Token // the role, on its way to the server's goroutine
	lanes    []lane[Req, Resp]
	spares   sync.Pool   // of the lanes' gates
	counters counter.Set // by lane: shedOf and evictedOf
	owning
	at   int // the lane of the message that the owner has
	flow flow
	_    pad.Line
}

func shedOf(lane int) int    { return 2 * lane }
func evictedOf(lane int) int { return 2*lane + 1 }

var _ [counter.PerSet - 2*MaxLanes]struct{} // they fit

func newLanes[Req, Resp any](s *Server[Req, Resp], capacity int) *laneEngine[Req, Resp] {
	l := &laneEngine[Req, Resp]{
		server: s,
		set:    ring.NewLanes[dispatcher.Envelope[Req, Resp]](s.opts.Lanes, capacity, 0),
		wake:   park.NewToken(),
		lanes:  make([]lane[Req, Resp], s.opts.Lanes),
	}
	l.owning = owning{mode: s.opts.CallerRuns, kind: newKind(), role: l.set, note: &l.set.Note}
	l.flow = flow{queue: l, capacity: l.set.Cap()}
	for i := range l.lanes {
		p := &l.lanes[i]
		p.laneEngine, p.i, p.space.Pool = l, i, &l.spares
	}
	l.set.TryOwn()
	l.wake.Give()
	return l
}

func (l *laneEngine[Req, Resp]) close() {
	if l.set.Close() == ring.Owner {
		l.wake.Give()
	}
	for i := range l.lanes {
		l.lanes[i].space.Wake()
	}
}

func (l *laneEngine[Req, Resp]) handOn() { l.wake.Give() }

// serve is roleEngine's.
func (l *laneEngine[Req, Resp]) serve() {
	for {
		l.wake.Take()
		if l.drain() {
			return
		}
	}
}

// pop takes the next message. It is one at a time: those behind the first of a
// batch would be ahead of a more urgent one that came meanwhile.
func (l *laneEngine[Req, Resp]) pop(e *dispatcher.Envelope[Req, Resp]) bool {
	i, ok := l.set.PopInto(e)
	if !ok {
		return false
	}
	l.at = i
	l.lanes[i].space.Wake()
	l.begun.next()
	if l.server.dynamic {
		l.kind.begin(e.Message())
	}
	return true
}

// drain is roleEngine's.
func (l *laneEngine[Req, Resp]) drain() bool {
	idle, f := 0, &l.flow
	f.n = 0
	var e dispatcher.Envelope[Req, Resp]
	for {
		if l.pop(&e) {
			idle = 0
			if e.IsRequest() {
				f.n = 0
			} else {
				f.n++
			}
			l.server.handle(&e, true)
			continue
		}
		if f.ended() {
			continue
		}
		l.kind.end()
		switch l.set.Release() {
		case ring.OK:
			return false
		case ring.Closed:
			return true
		}
		atomic.Relax(idle)
		idle++
	}
}

// tryInline is Server.TryInline.
func (l *laneEngine[Req, Resp]) tryInline(ctx context.Context, req Req) (resp Resp, err error, ran bool) {
	s := l.server
	if !l.mayRun() || !l.set.TryOwn() && !l.awaitRole(ctx, roleLooks) {
		return resp, nil, false
	}
	returned := false
	defer func() {
		if !returned {
			err, ran = s.unwound(recover()), true // also if it was Offload
		}
		l.leave()
	}()
	if s.mustQueue != nil && s.mustQueue(req) {
		returned = true
		return resp, nil, false
	}
	ran = true
	l.note.Count++
	if l.tally.dueInline(l.note) {
		start := time.Now()
		resp, err = s.handler.HandleRequest(ctx, req)
		l.note.Skip = l.pace.note(time.Since(start))
	} else {
		resp, err = s.handler.HandleRequest(ctx, req)
	}
	returned = true
	if err != nil {
		s.counters.Add(cFailed, 1)
	}
	return resp, err, true
}

// leave is roleEngine's.
func (l *laneEngine[Req, Resp]) leave() {
	if l.set.Release() == ring.OK {
		return
	}
	if l.mode == CallerRunsAlways {
		l.help()
		return
	}
	l.wake.Give()
}

// help is roleEngine's.
func (l *laneEngine[Req, Resp]) help() {
	released := false
	defer func() {
		if !released { // also when a handler calls Goexit
			l.wake.Give()
		}
	}()
	start := time.Now()
	var e dispatcher.Envelope[Req, Resp]
	for n := 1; n <= l.server.opts.Batch; n++ {
		if l.pop(&e) {
			l.server.handle(&e, true)
			if (n%8 == 0 || !e.IsRequest() || !l.pace.fast.Load()) && time.Since(start) > helpTime {
				return
			}
			continue
		}
		l.kind.end()
		switch l.set.Release() {
		case ring.OK:
			released = true
			return
		case ring.Closed:
			return
		}
	}
}

func (l *laneEngine[Req, Resp]) waiting() (all int) {
	for i := range l.lanes {
		_, n, _ := l.set.Progress(i)
		all += n
	}
	return all
}

func (l *laneEngine[Req, Resp]) look() (begun uint64, waiting int) {
	return l.begun.look(), l.waiting()
}

// stats returns the numbers of each lane, and of all queues together.
func (l *laneEngine[Req, Resp]) stats() (lanes []LaneStats, sum queue.Stats) {
	lanes = make([]LaneStats, len(l.lanes))
	sum.Closed = true
	for i := range lanes {
		st := &lanes[i]
		popped, n, closed := l.set.Progress(i)
		st.Queue = queue.Stats{Pushed: popped + uint64(n), Popped: popped, Len: n, Cap: l.set.Cap(), Closed: closed}
		st.Shed, st.Evicted = l.counters.Load(shedOf(i)), l.counters.Load(evictedOf(i))
		if c := l.server.clock; c != nil && c.timing {
			d := durations(&c.waits[i])
			st.Queued = &d
		}
		sum.Pushed += st.Queue.Pushed
		sum.Popped += popped
		sum.Len += n
		sum.Cap += st.Queue.Cap
		sum.Closed = sum.Closed && closed
	}
	return lanes, sum
}
