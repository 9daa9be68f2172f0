//go:build yieldhooks

package lincheck

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var seeds = flag.Int("seeds", 3000, "how many rounds each test has")

// patience is how long a round may take, and search how long the search for its order:
// with many requests that are too late, and may have an effect at any later time, it
// can take for ever.
const (
	patience = 30 * time.Second
	search   = 10 * time.Second
)

// history is one round's operations.
type history struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
	step  func(porcupine.Operation) int64 // when the object says that it took effect; nil: it does not
}

// now is a moment: of two, the later one is larger.
func (h *history) now() int64 { return h.clock.Add(1) }

func (h *history) add(client int, input any, call int64, output any, ret int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{
		ClientId: client, Input: input, Call: call, Output: output, Return: ret,
	})
}

// clients runs f for each of n goroutines, and returns when all have ended.
func clients(t *testing.T, n int, seed uint64, f func(client int, rnd *rand.Rand)) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Add(n)
	for i := range n {
		go func() {
			defer wg.Done()
			f(i, rand.New(rand.NewPCG(seed, uint64(i))))
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		panic(fmt.Sprintf("seed %d hangs", seed)) // with all stacks
	}
}

// inOrder reports whether the order in which the object says that the operations took
// effect is one that proves it right. It is as good as any that a search finds; and
// where many operations overlap whose callers learned nothing, a search can take very
// long.
func (h *history) inOrder(model porcupine.Model) bool {
	ops := slices.Clone(h.ops)
	slices.SortFunc(ops, func(a, b porcupine.Operation) int {
		return cmp.Or(cmp.Compare(h.step(a), h.step(b)), cmp.Compare(a.Call, b.Call))
	})
	state, latest := model.Init(), int64(0)
	for _, op := range ops {
		latest = max(latest, op.Call)
		if op.Return < latest {
			return false // it had ended when one before it began
		}
		var ok bool
		if ok, state = model.Step(state, op.Input, op.Output); !ok {
			return false
		}
	}
	return true
}

// tally is how the rounds of a test went.
type tally struct{ rounds, ops, illegal, unknown int }

// check looks for the order of one round. That of few rounds may not be found, nor that
// there is none: these are Unknown, and say nothing (see decided).
func (n *tally) check(model porcupine.Model, h *history) porcupine.CheckResult {
	n.rounds++
	n.ops += len(h.ops)
	result := porcupine.Ok
	if h.step == nil || !h.inOrder(model) {
		result = porcupine.CheckOperationsTimeout(model, h.ops, search)
	}
	switch result {
	case porcupine.Illegal:
		n.illegal++
	case porcupine.Unknown:
		n.unknown++
	}
	return result
}

func (n *tally) String() string {
	s := fmt.Sprintf("%d of %d rounds are linearizable, %d operations", n.rounds-n.illegal-n.unknown, n.rounds, n.ops)
	if n.unknown > 0 {
		s += fmt.Sprintf("; %d could not be decided", n.unknown)
	}
	return s
}

// decided reports whether so many rounds were decided that the test has a meaning.
func (n *tally) decided() bool { return n.unknown <= 1+n.rounds/100 }

// legal ends the test at the first round that is not, or when too many are undecided.
func (n *tally) legal(t *testing.T, seed int, model porcupine.Model, h *history) {
	t.Helper()
	if result := n.check(model, h); result == porcupine.Illegal || !n.decided() {
		for _, op := range h.ops {
			t.Logf("%5d - %5d client %d: %s", op.Call, op.Return, op.ClientId, model.DescribeOperation(op.Input, op.Output))
		}
		t.Fatalf("seed %d: %s", seed, result)
	}
}
