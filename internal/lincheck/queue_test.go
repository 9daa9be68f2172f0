//go:build yieldhooks

package lincheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/sparkpipe/sparkpipe/queue"
)

// What is asked of a queue.
type queueOp uint8

const (
	tryPush queueOp = iota
	push            // blocks; a full queue only delays it
	tryPop
	pop // blocks; an empty queue only delays it
	popBatch
	closing
	closed // of a queue whose Close is two steps, the second one
)

type queueIn struct {
	op   queueOp
	v    int
	most int // of popBatch
}

// What it answers. Which of them an operation can have, the model says.
type queueOut struct {
	err error // nil, errEmpty or an error of package queue
	v   int   // popped
}

var errEmpty = errors.New("empty")

type queueState struct {
	vs       []int
	refusing bool // pushes may fail with ErrClosed
	closed   bool // and may not succeed
}

// queueModel is a bounded FIFO queue of which Close is an operation as well. It
// closes at one moment, or lets pushes that have begun succeed until it returns.
func queueModel(capacity int, oneMoment bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return queueState{} },
		Step: func(state, input, output any) (bool, any) {
			return queueStep(capacity, oneMoment, state.(queueState), input.(queueIn), output.(queueOut))
		},
		Equal: func(a, b any) bool {
			x, y := a.(queueState), b.(queueState)
			return x.refusing == y.refusing && x.closed == y.closed && slices.Equal(x.vs, y.vs)
		},
		DescribeOperation: func(input, output any) string {
			in, out := input.(queueIn), output.(queueOut)
			name := [...]string{"TryPush", "Push", "TryPop", "Pop", "PopBatch", "Close", "Close, end"}[in.op]
			return fmt.Sprintf("%s(%d, %d): %d, %v", name, in.v, in.most, out.v, out.err)
		},
	}
}

// queueStep reports whether a queue in state s can give that answer, and its
// state then.
func queueStep(capacity int, oneMoment bool, s queueState, in queueIn, out queueOut) (bool, queueState) {
	n := len(s.vs)
	switch in.op {
	case tryPush, push:
		switch out.err {
		case nil:
			return !s.closed && n < capacity, queueState{append(slices.Clip(s.vs), in.v), s.refusing, s.closed}
		case queue.ErrFull:
			return in.op == tryPush && !s.closed && n == capacity, s
		case queue.ErrClosed:
			return s.refusing, s
		}
	case tryPop, pop, popBatch:
		switch out.err {
		case nil:
			return n > 0 && out.v == s.vs[0], queueState{s.vs[min(1, n):], s.refusing, s.closed}
		case errEmpty:
			return in.op == tryPop && n == 0, s
		case queue.ErrClosed:
			return in.op != tryPop && s.closed && n == 0, s
		}
	case closing:
		return true, queueState{s.vs, true, oneMoment}
	case closed:
		return true, queueState{s.vs, s.refusing, true}
	}
	return false, s
}

// useQueue is one round: each client does at random what does not block, and
// pushes and pops that may; one of them closes the queue in the end, which ends
// all that block.
func useQueue(t *testing.T, seed int, q queue.Queue[int]) *history {
	const n, each = 5, 24
	h := new(history)
	ctx := context.Background()
	closer := seed % n
	clients(t, n, uint64(seed), func(client int, rnd *rand.Rand) {
		for i := range each {
			in := queueIn{op: queueOp(rnd.IntN(int(closing))), v: client*each + i, most: 1 + rnd.IntN(3)}
			if client == closer {
				in.op = []queueOp{tryPush, tryPop}[i%2] // it must come to the end
				if i == each/2 {
					in.op = closing
				}
			}
			call := h.now()
			outs := perform(ctx, q, in)
			ret := h.now()
			for _, out := range outs {
				h.add(client, in, call, out, ret)
			}
		}
	})
	return h
}

// perform does one operation. A PopBatch is one for each value: it waits for the
// first as Pop does, and others may come between that and the rest.
func perform(ctx context.Context, q queue.Queue[int], in queueIn) []queueOut {
	switch in.op {
	case tryPush:
		return []queueOut{{err: q.TryPush(in.v)}}
	case push:
		return []queueOut{{err: q.Push(ctx, in.v)}}
	case tryPop:
		v, ok := q.TryPop()
		if !ok {
			return []queueOut{{err: errEmpty}}
		}
		return []queueOut{{v: v}}
	case pop:
		v, err := q.Pop(ctx)
		return []queueOut{{err, v}}
	case popBatch:
		dst := make([]int, in.most)
		n, err := q.PopBatch(ctx, dst)
		if err != nil {
			return []queueOut{{err: err}}
		}
		var outs []queueOut
		for _, v := range dst[:n] {
			outs = append(outs, queueOut{v: v})
		}
		return outs
	}
	q.Close()
	return []queueOut{{}}
}

// TestRing holds the ring to the strict model: what is not accepted when Close
// returns never will be.
func TestRing(t *testing.T) { checkQueues(t, queue.BackendRing, true) }

// TestChan holds the queue over a channel to a little less: while Close is under
// way, one push may be refused and another, which had begun before, succeed.
func TestChan(t *testing.T) { checkQueues(t, queue.BackendChan, false) }

func checkQueues(t *testing.T, b queue.Backend, oneMoment bool) {
	for _, capacity := range []int{2, 4} {
		t.Run(fmt.Sprintf("capacity=%d", capacity), func(t *testing.T) {
			var n tally
			for seed := range *seeds {
				q, err := queue.New[int](queue.Options{Capacity: capacity, Backend: b})
				if err != nil {
					t.Fatal(err)
				}
				h := useQueue(t, seed, q)
				if !oneMoment {
					h.splitClose()
				}
				n.legal(t, seed, queueModel(capacity, oneMoment), h)
			}
			t.Log(&n)
		})
	}
}

// splitClose adds the second step of Close.
func (h *history) splitClose() {
	i := slices.IndexFunc(h.ops, func(o porcupine.Operation) bool { return o.Input.(queueIn).op == closing })
	end := h.ops[i]
	h.add(end.ClientId, queueIn{op: closed}, end.Call, end.Output, end.Return)
}
