package server

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkpipe/sparkpipe/internal/pad"
)

// What still runs, for a Shutdown that runs out of time. Nobody reads a clock for
// it but who offloads:
//
//   - The type of a message is known if Req is no interface. If it is one, those
//     who drain publish the type of the message that they are about to handle,
//     when it is another than before (kind). Requests that run on their callers
//     publish nothing: that path costs 20 ns, and a store would be a quarter of it.
//   - How long a call has run is seen by looking: Shutdown asks now and then, while it
//     waits, whether another was begun since (begun; the loops count those that they
//     begin), and if none was, the call has not returned. So the time is a lower
//     bound, from when Shutdown was called, or the watch has looked, at the earliest.
//   - An offloaded message is CPU-heavy: it can pay for a clock and a list.

// kind is the type of the message that one goroutine at a time is handling.
type kind struct {
	now atomic.Pointer[reflect.Type] // nil: none, or one that is not published

	// The rest is the goroutine's own.
	last  reflect.Type // what it has published; noType: nothing
	known map[reflect.Type]*reflect.Type
}

// noType stands for no message: nil is the type of one that is nil. No message has
// this type.
var noType = reflect.TypeOf(kind{})

func newKind() kind { return kind{last: noType} }

// begin is called before each message. Messages of one type cost a comparison. One
// of another type than the one before costs some 25 ns, nearly all of it because
// the store waits for those before it (commands through a Mux, of two types in
// turn, 50 ns without).
func (k *kind) begin(msg any) {
	if t := reflect.TypeOf(msg); t != k.last {
		k.change(t)
	}
}

func (k *kind) change(t reflect.Type) {
	k.last = t
	p := k.known[t]
	if p == nil {
		if k.known == nil {
			k.known = map[reflect.Type]*reflect.Type{}
		}
		p = new(reflect.Type)
		*p = t
		k.known[t] = p
	}
	k.now.Store(p)
}

// end is called when the goroutine stops draining.
func (k *kind) end() {
	if k.last != noType {
		k.last = noType
		k.now.Store(nil)
	}
}

// drainer is what one of the loops publishes.
type drainer struct {
	kind  kind
	calls atomic.Uint64 // twice the number of those begun, plus 1 unless it waits for a message
	_     pad.Line      // the next drainer is another goroutine
}

func (d *drainer) begin() { d.calls.Store(d.calls.Load()&^1 + 3) }

func (d *drainer) idle() {
	if n := d.calls.Load(); n%2 == 1 {
		d.calls.Store(n - 1)
	}
}

// handlerCall is one that is under way: who makes it, and a number that is another
// for the next one.
type handlerCall struct {
	who  int
	call uint64
	kind string
}

// underWay lists the calls under way, offloaded ones left out.
func (s *Server[Req, Resp]) underWay() (calls []handlerCall) {
	if o := s.owning; o != nil {
		if begun := o.begun.look(); o.role.Owned() && s.stage.Load() == stageServing {
			calls = append(calls, handlerCall{0, begun, s.kindOf(&o.kind)})
		}
		return calls
	}
	for i := range s.drainers {
		d := &s.drainers[i]
		if n := d.calls.Load(); n%2 == 1 {
			calls = append(calls, handlerCall{i, n, s.kindOf(&d.kind)})
		}
	}
	return calls
}

func (s *Server[Req, Resp]) kindOf(k *kind) string {
	if !s.dynamic {
		return reflect.TypeFor[Req]().String()
	}
	if t := k.now.Load(); t != nil {
		return fmt.Sprint(*t)
	}
	return "a request on its caller's goroutine"
}

// vigil has the call that each was last seen to make, and when that was first seen.
type vigil map[int]sighting

type sighting struct {
	call  uint64
	since time.Time
}

func (v vigil) look(calls []handlerCall, now time.Time) {
	for _, c := range calls {
		if seen, ok := v[c.who]; !ok || seen.call != c.call {
			v[c.who] = sighting{c.call, now}
		}
	}
}

// working is the list of offloaded messages that workers handle.
type working[Req, Resp any] struct {
	mu    sync.Mutex
	first *job[Req, Resp]
}

func (w *working[Req, Resp]) add(j *job[Req, Resp]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.next = w.first; j.next != nil {
		j.next.prev = j
	}
	w.first = j
}

func (w *working[Req, Resp]) remove(j *job[Req, Resp]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.next != nil {
		j.next.prev = j.prev
	}
	if j.prev != nil {
		j.prev.next = j.next
	} else {
		w.first = j.next
	}
	j.next, j.prev = nil, nil
}

// oldest names the message that has been worked on for longest.
func (w *working[Req, Resp]) oldest() (msg string, began time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for j := w.first; j != nil; j = j.next {
		if began.IsZero() || j.began.Before(began) {
			msg, began = fmt.Sprintf("%T", j.envelope.Message()), j.began
		}
	}
	return msg, began
}

// left says what keeps the server from ending; v has looked until now.
func (s *Server[Req, Resp]) left(v vigil) string {
	_, waiting := s.look()
	switch s.stage.Load() {
	case stageStarting:
		return fmt.Sprintf("Start has not returned, %d messages wait", waiting)
	case stageStopping:
		return "Stop has not returned"
	}
	now := time.Now()
	calls := s.underWay()
	v.look(calls, now)
	times := map[int]time.Duration{}
	for _, c := range calls {
		times[c.who] = now.Sub(v[c.who].since)
		if s.engine != nil { // whose watch counts the same calls
			times[c.who] = max(times[c.who], s.watch.stood(c.call))
		}
	}
	sort.Slice(calls, func(i, j int) bool { return times[calls[i].who] > times[calls[j].who] })
	var b strings.Builder
	hasNotReturned := "has not returned"
	if s.supervised.restartsNow() {
		// Whether a message is in a call that runs beside the one that failed, or
		// waits for the restart before its own, is not looked at.
		b.WriteString("the handler is being restarted, ")
		hasNotReturned = "waits for that, or has not returned"
	}
	for i, c := range calls {
		if i == 3 {
			fmt.Fprintf(&b, "%d more handler calls, ", len(calls)-i)
			break
		}
		if d := times[c.who].Round(time.Millisecond); d > 0 {
			fmt.Fprintf(&b, "a handler call (%s) %s for %v or more, ", c.kind, hasNotReturned, d)
		} else {
			b.WriteString("a handler call runs or is about to, ")
		}
	}
	fmt.Fprintf(&b, "%d messages wait, %d are offloaded", waiting, s.offloading.Load())
	if msg, began := s.working.oldest(); !began.IsZero() {
		fmt.Fprintf(&b, ", and the handler call of one (%s) %s for %v", msg, hasNotReturned, now.Sub(began).Round(time.Millisecond))
	}
	return b.String()
}
