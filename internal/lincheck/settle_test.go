//go:build yieldhooks

package lincheck

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/sparkpipe/sparkpipe/dispatcher"
)

// What a dispatcher answers besides errGone and errRefused.
var (
	errBusy    = errors.New("refused, for too many in flight")
	errFull    = errors.New("refused, for a full queue")
	errTooLate = errors.New("the time was up") // with effect, or without
)

// outcome names the error of o.
func (r *round) outcome(o *asked) error {
	switch err := o.err; {
	case err == nil:
		return nil
	case errors.Is(err, dispatcher.ErrClosed):
		return errRefused
	case errors.Is(err, dispatcher.ErrInFlight) && r.opts.MaxInFlight > 0 && r.opts.Overflow == dispatcher.Reject:
		return errBusy
	case errors.Is(err, dispatcher.ErrQueueFull) && (o.try || r.opts.Overflow == dispatcher.Reject):
		return errFull
	case errors.Is(err, dispatcher.ErrTimeout) && r.opts.Timeout > 0:
		return errTooLate
	case errors.Is(err, context.Canceled) && o.hasty:
		return errGone
	}
	r.problem(o, "has an error that it cannot have")
	return errGone
}

func (r *round) problem(o *asked, says string) {
	r.problems = append(r.problems, fmt.Sprintf("%s: handled %d times, err %v: %s",
		counterModel.DescribeOperation(o.in, counterOut{o.value, nil}), o.in.done.times, o.err, says))
}

// settle puts one message into the histories. The target is done, so what the
// message came to is known, whatever its caller was told: a request whose caller
// left, or whose time was up, is under way until the handler has seen to it, and
// that may be at any time; or never, and then it has no effect.
func (r *round) settle(o *asked) {
	o.outcome = r.outcome(o)
	err, times, at := o.outcome, o.in.done.times, o.in.done.at
	switch {
	case o.changed:
		r.problem(o, "and a Wait before had returned something else")
	case times > 1:
		r.problem(o, "more than once")
	case times == 1 && (err == errRefused || err == errBusy || err == errFull):
		r.problem(o, "it was refused")
	case times == 0 && err == nil && o.in.op < command:
		r.problem(o, "and answered")
	case times == 0 && err == nil && o.in.op == command && !r.aborted:
		r.problem(o, "a command that was accepted, and no Close")
	}
	if r.opts.MaxInFlight > 0 && o.in.op < command {
		r.place(o, err)
	}
	switch {
	case err == errBusy || err == errFull:
		return // no effect, at no particular moment
	case times == 0 && err != errRefused && o.in.op < shutdown:
		return // no effect, and nobody was told what
	case err == errTooLate:
		err = errGone
	}
	r.h.add(o.client, o.in, o.call, counterOut{o.value, err}, max(o.ret, at))
}

// What is asked of the places in flight.
type placeOp uint8

const (
	takes placeOp = iota
	gives
	refused // there is none
)

type placeIn struct {
	op   placeOp
	id   int  // of the request, less than 128
	sure bool // it had a place; if not, it may have had one
}

// places are the requests that have one.
type places [2]uint64

func (p places) n() int { return bits.OnesCount64(p[0]) + bits.OnesCount64(p[1]) }

// placesModel is MaxInFlight as a semaphore: never more than most have a place,
// and who is refused was refused while all were taken. It is told when a place was
// surely taken (the handler has begun, or Go has returned), and when surely given
// back (the outcome is there). A request of which that is not known took one if
// there was one: had it not, it could have given it back at once.
func placesModel(most int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return places{} },
		Step: func(state, input, _ any) (bool, any) {
			s, in := state.(places), input.(placeIn)
			word, bit := in.id/64, uint64(1)<<(in.id%64)
			switch in.op {
			case takes:
				if s.n() == most {
					return !in.sure, s
				}
				s[word] |= bit
			case gives:
				if s[word]&bit == 0 {
					return !in.sure, s
				}
				s[word] &^= bit
			case refused:
				return s.n() == most, s
			}
			return true, s
		},
		DescribeOperation: func(input, _ any) string {
			in := input.(placeIn)
			return fmt.Sprintf("%d %s, surely %v", in.id, [...]string{"takes a place", "gives it back", "is refused"}[in.op], in.sure)
		},
	}
}

// place puts one request into the history of the places.
func (r *round) place(o *asked, err error) {
	id := o.in.n
	if err == errBusy {
		r.places.add(o.client, placeIn{refused, id, true}, o.call, nil, o.ret)
		return
	}
	taken, given := o.ret, o.call
	if o.accepted != 0 {
		taken = o.accepted
	}
	ran := o.in.done.times > 0
	if ran {
		taken = min(taken, o.in.done.begin)
	}
	if err == nil {
		given = o.in.done.at
	}
	// Who finds the queue full has a place already. Who finds it closed may have found
	// none before.
	sure := ran || o.accepted != 0 || err == errFull
	if !sure && !r.refusedBeside(o) {
		return // that is what it could matter to, and the search is long without
	}
	r.places.add(o.client, placeIn{takes, id, sure}, o.call, nil, taken)
	r.places.add(o.client, placeIn{gives, id, sure}, given, nil, o.ret)
}

// refusedBeside reports whether a request was refused while o was under way.
func (r *round) refusedBeside(o *asked) bool {
	for _, os := range r.all {
		for _, other := range os {
			if errors.Is(other.err, dispatcher.ErrInFlight) && other.call < o.ret && o.call < other.ret {
				return true
			}
		}
	}
	return false
}

// score is how the rounds of a test went.
type score struct {
	counter, places tally
	outcomes        map[error]int
	problems        int
}

// add judges a round and reports whether it is right.
func (n *score) add(r *round) bool {
	if n.outcomes == nil {
		n.outcomes = map[error]int{}
	}
	for _, os := range r.all {
		for _, o := range os {
			n.outcomes[o.outcome]++
		}
	}
	n.problems += len(r.problems)
	ok := n.counter.check(counterModel, r.h) != porcupine.Illegal
	if r.opts.MaxInFlight > 0 {
		ok = n.places.check(placesModel(r.opts.MaxInFlight), r.places) != porcupine.Illegal && ok
	}
	return ok && len(r.problems) == 0 && n.counter.decided() && n.places.decided()
}

// tell logs how they went.
func (n *score) tell(t *testing.T) {
	t.Helper()
	t.Logf("the counter: %v", &n.counter)
	if n.places.rounds > 0 {
		t.Logf("the places in flight: %v", &n.places)
	}
	t.Logf("answered or accepted %d, closed %d, cancelled %d, timed out %d, too many in flight %d, queue full %d",
		n.outcomes[nil], n.outcomes[errRefused], n.outcomes[errGone], n.outcomes[errTooLate], n.outcomes[errBusy], n.outcomes[errFull])
}

// explain logs a round that is not right, and ends the test.
func (r *round) explain(t *testing.T, seed int) {
	t.Helper()
	for _, p := range r.problems {
		t.Log(p)
	}
	for _, op := range r.h.ops {
		t.Logf("%5d - %5d client %d: %s", op.Call, op.Return, op.ClientId, counterModel.DescribeOperation(op.Input, op.Output))
	}
	for _, op := range r.places.ops {
		t.Logf("%5d - %5d client %d: %s", op.Call, op.Return, op.ClientId, placesModel(0).DescribeOperation(op.Input, nil))
	}
	t.Fatalf("seed %d is not right", seed)
}
