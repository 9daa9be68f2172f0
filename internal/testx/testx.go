// Package testx has what the tests of several packages share: they wait for
// goroutines to end or to sleep, and never for time to pass.
package testx

import (
	"bytes"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hang is how long a test waits for what must happen. It is no measurement: a
// correct program is much faster on any machine, one that others keep busy
// included, for the longest of the loads that Join runs takes some 10 s on 2 cores.
const hang = 4 * time.Minute

// patience is hang, unless tb has a patience of its own.
func patience(tb testing.TB) time.Duration {
	if p, ok := tb.(interface{ Patience() time.Duration }); ok {
		return p.Patience()
	}
	return hang
}

// Recv returns what c delivers. If nothing comes, the test fails with the stacks
// of all goroutines: what it waits for is lost.
func Recv[T any](tb testing.TB, c <-chan T) T {
	tb.Helper()
	timer := time.NewTimer(patience(tb))
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		tb.Fatalf("hangs:\n%s", stacks())
		panic("unreachable")
	}
}

// Eventually returns when cond is true, and fails the test if that never comes;
// what names it.
func Eventually(tb testing.TB, cond func() bool, what string) {
	tb.Helper()
	for deadline := time.Now().Add(patience(tb)); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("never: %s\n%s", what, stacks())
		}
	}
}

// Join runs each of fs on a goroutine of its own and returns when all have
// ended. They must not call tb.FailNow, as package require does.
func Join(tb testing.TB, fs ...func()) {
	tb.Helper()
	Recv(tb, join(fs))
}

// JoinLong is Join for what may take long, but goes on: it hangs when p stands still.
func JoinLong(tb testing.TB, p *Progress, fs ...func()) {
	tb.Helper()
	done := join(fs)
	tick := time.NewTicker(patience(tb))
	defer tick.Stop()
	for last := int64(-1); ; {
		select {
		case <-done:
			return
		case <-tick.C:
			now := p.done.Load()
			if now == last {
				tb.Fatalf("hangs at %s:\n%s", p, stacks())
			}
			last = now
		}
	}
}

func join(fs []func()) <-chan struct{} {
	var wg sync.WaitGroup
	wg.Add(len(fs))
	for _, f := range fs {
		go func() {
			defer wg.Done()
			f()
		}()
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

// AtOnce is Join for what should happen at the same moment, give or take some
// tens of nanoseconds: which order they take is left to chance.
func AtOnce(tb testing.TB, fs ...func()) {
	tb.Helper()
	var ready atomic.Int32
	order := rand.Perm(len(fs)) // the last goroutine to start tends to be the first
	Join(tb, Times(len(fs), func(i int) {
		for ready.Add(1); int(ready.Load()) < len(fs); {
			runtime.Gosched()
		}
		for spin := rand.Intn(200); spin > 0; spin-- {
			ready.Load()
		}
		fs[order[i]]()
	})...)
}

// Times returns f n times, for Join: f(0), f(1) and so on.
func Times(n int, f func(i int)) []func() {
	fs := make([]func(), n)
	for i := range fs {
		fs[i] = func() { f(i) }
	}
	return fs
}

// Park runs f on a goroutine of its own and returns when that goroutine sleeps:
// in a channel operation, a sync.Cond, a time.Sleep or the network poller. It fails
// the test if f returns instead. The channel delivers what f returns in the end.
func Park[T any](tb testing.TB, f func() T) <-chan T {
	tb.Helper()
	id := make(chan int, 1)
	result := make(chan T, 1)
	go func() {
		id <- self()
		result <- f()
	}()
	g := Recv(tb, id)
	for deadline := time.Now().Add(patience(tb)); !sleeps(g); runtime.Gosched() {
		if len(result) > 0 {
			tb.Fatalf("returned %v and did not block", <-result)
		}
		if time.Now().After(deadline) {
			tb.Fatalf("goroutine %d neither sleeps nor returns:\n%s", g, stacks())
		}
	}
	return result
}

var (
	dumping sync.Mutex
	dump    = make([]byte, 1<<16)
)

// stacks returns the stacks of all goroutines.
func stacks() string {
	dumping.Lock()
	defer dumping.Unlock()
	return string(fillDump())
}

// fillDump dumps all goroutines into dump, whose lock the caller holds.
func fillDump() []byte {
	for {
		if n := runtime.Stack(dump, true); n < len(dump) {
			return dump[:n]
		}
		dump = make([]byte, 2*len(dump))
	}
}

// Goroutines returns the ids of all goroutines.
func Goroutines() map[int]bool {
	dumping.Lock()
	defer dumping.Unlock()
	ids := map[int]bool{}
	for _, block := range bytes.Split(fillDump(), []byte("\n\n")) {
		ids[id(block)] = true
	}
	return ids
}

// self returns the id of the calling goroutine.
func self() int {
	buf := make([]byte, 64)
	return id(buf[:runtime.Stack(buf, false)])
}

// id returns the id of a goroutine whose dump begins with
// "goroutine 7 [running]:".
func id(dump []byte) (id int) {
	if _, err := fmt.Sscanf(string(dump[:min(64, len(dump))]), "goroutine %d ", &id); err != nil {
		panic(err)
	}
	return id
}

// sleeps reports whether a goroutine sleeps: its dump begins with
// "goroutine 7 [select]:", or "goroutine 7 [chan receive, 2 minutes]:". One that
// waits for a mutex does not: that is over soon.
func sleeps(id int) bool {
	dumping.Lock()
	defer dumping.Unlock()
	_, block, _ := bytes.Cut(fillDump(), []byte(fmt.Sprintf("goroutine %d [", id)))
	for _, state := range []string{"select", "chan receive", "chan send", "sync.Cond.Wait", "sleep", "IO wait"} {
		if bytes.HasPrefix(block, []byte(state)) {
			return true
		}
	}
	return false
}
