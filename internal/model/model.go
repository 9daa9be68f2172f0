//go:build modelcheck && go1.23

// Package model explores the interleavings of code that is written against
// internal/atomic and internal/park and built with the tag modelcheck.
//
// Threads are coroutines, one of which runs at a time. Before each shared access,
// or after it (see Side), the explorer may let another thread go on. Explore runs a
// program once for every schedule with at most a given number of preemptions,
// depth first; a switch away from a thread that cannot go on is free. Most
// concurrency bugs show with two preemptions (Musuvathi and Qadeer, "Iterative
// context bounding", PLDI 2007), and two or three are affordable.
package model

import (
	"fmt"
	"iter"
)

// maxSteps bounds one schedule; a program that runs longer is livelocked.
const maxSteps = 5000

type thread struct {
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	done    bool
	blocked func() bool // nil: can run; otherwise can run once it returns true
	seen    uint64      // version at its last Yield
}

type choice struct{ at, of int }

type run struct {
	side     Side
	threads  []*thread
	current  int
	step     int
	version  uint64 // of the shared state: counts the writes
	preempts int    // left
	path     []choice
	depth    int
}

// active is the schedule under way; the explorer and its threads are one
// goroutine at a time, so it needs no lock.
var active *run

// Side says on which side of a shared access the explorer may switch threads.
//
// What a thread does to plain fields between two accesses goes with one of
// them, in one step. With BeforeAccess it goes with the access that it follows:
// a write that comes too late, after the access that hands its field over, does
// not show. With AfterAccess it goes with the access that it precedes: a write
// that comes too early, before the access that claims its field, may not show.
// Each side sees all the interleavings of the accesses themselves.
type Side int

const (
	BeforeAccess Side = iota
	AfterAccess
)

func (s Side) String() string { return [...]string{"before", "after"}[s] }

// Before and After stand around each shared access.
func Before() {
	if r := active; r != nil && r.side == BeforeAccess {
		Point()
	}
}

// After: see Before.
func After() {
	if r := active; r != nil && r.side == AfterAccess {
		Point()
	}
}

// Point is where the explorer may switch threads.
func Point() {
	if r := active; r != nil && r.current >= 0 {
		r.threads[r.current].yield(struct{}{})
	}
}

// Changed is called with each write to shared state.
func Changed() {
	if r := active; r != nil {
		r.version++
	}
}

// Yield says that the caller spins: it looked, since its last Yield, and did not
// find what it waits for. It goes on when the shared state is another than it
// was then; so a spinning thread does not multiply the schedules, and threads
// that spin for what never comes are found as a deadlock.
func Yield() {
	r := active
	if r == nil || r.current < 0 {
		return
	}
	t := r.threads[r.current]
	if t.seen == r.version {
		Block(func() bool { return r.version != t.seen })
	} else {
		Point()
	}
	t.seen = r.version
}

// Block parks the caller until ready, which must not have effects, is true.
func Block(ready func() bool) {
	t := active.threads[active.current]
	t.blocked = ready
	t.yield(struct{}{})
	t.blocked = nil
}

// Choose returns each of 0 to n-1, in different schedules.
func Choose(n int) int { return active.choose(n) }

func (r *run) choose(n int) int {
	if n == 1 {
		return 0
	}
	if r.depth == len(r.path) {
		r.path = append(r.path, choice{0, n})
	}
	c := r.path[r.depth]
	r.depth++
	return c.at
}

// Program makes one fresh instance: its threads, and a check for when all of
// them have ended. A thread that panics fails the run.
type Program func() (threads []func(), check func() error)

// Result says how an exploration went.
type Result struct {
	Schedules int   // explored
	Err       error // of the last one; nil: all were right
	Complete  bool  // false: stopped at the limit or at an error
}

// Explore runs every schedule of p with at most preempts preemptions on that side
// of its accesses, or limit of them.
func Explore(side Side, preempts, limit int, p Program) Result {
	var res Result
	var path []choice
	for res.Schedules < limit {
		res.Schedules++
		r := &run{side: side, current: -1, preempts: preempts, path: path}
		if res.Err = r.do(p); res.Err != nil {
			return res
		}
		path = r.path
		for len(path) > 0 && path[len(path)-1].at+1 == path[len(path)-1].of {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			res.Complete = true
			return res
		}
		path[len(path)-1].at++
	}
	return res
}

func (r *run) do(p Program) (err error) {
	fs, check := p() // accesses made here are not points: no thread runs yet
	active = r
	defer func() { active = nil }()
	for _, f := range fs {
		t := &thread{}
		t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
			t.yield = yield
			if yield(struct{}{}) {
				f()
			}
		})
		r.threads = append(r.threads, t)
		t.next()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic at step %d: %v", r.step, p)
		}
	}()
	for {
		alive, ready := r.enabled()
		if !alive {
			r.current = -1
			return check()
		}
		if len(ready) == 0 {
			return fmt.Errorf("deadlock or lost wake-up at step %d", r.step)
		}
		if r.step++; r.step > maxSteps {
			return fmt.Errorf("livelock")
		}
		r.current = r.pick(ready)
		t := r.threads[r.current]
		if _, ok := t.next(); !ok {
			t.done = true
		}
	}
}

// enabled lists the threads that can go on.
func (r *run) enabled() (alive bool, ready []int) {
	for i, t := range r.threads {
		if t.done {
			continue
		}
		alive = true
		if t.blocked == nil || t.blocked() {
			ready = append(ready, i)
		}
	}
	return alive, ready
}

func (r *run) pick(ready []int) int {
	options := ready
	for k, i := range ready {
		if i != r.current {
			continue
		}
		if r.preempts == 0 {
			return i
		}
		// The running thread first: the first schedule is the one without
		// preemptions.
		options = append([]int{i}, ready[:k]...)
		options = append(options, ready[k+1:]...)
		i := options[r.choose(len(options))]
		if i != r.current {
			r.preempts--
		}
		return i
	}
	return options[r.choose(len(options))]
}
