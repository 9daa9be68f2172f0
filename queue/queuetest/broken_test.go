package queuetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bug is a way to break a promise.
type bug int

const (
	none bug = iota
	losesOne
	doublesOne
	swapsTwo
	swapsLanes
	fullEarly
	oneTooMany
	fullWhenBusy
	emptyWhenBusy
	emptyAtTimes
	dropsAfterClose
	closeDiscards
	closeWakesNobody
	closesOnce
	closeWaits
	secondCloseDiscards
	flagNotBit
	pushWakesNobody
	popWakesNobody
	endedCtxIsFine
	waitIgnoresCtx
	nilCtxIsFine
	pushesAfterCancel
	takesAfterCancel
	batchForgets
	batchWaitsForAll
	batchClearsTheRest
	keepsPopped
	keepsRefused
	spins
	leaksGoroutine
	lenCountsWaiters
	lenIsLate
	emptyBatchWaits
	clearsBatch
	// Those of wrappers below.
	tears
	keepsBatch
	losesWakeUp
	losesTimersWakeUp
	wakesOne
	tryWaits
	ignoresTimers
	ignoresTimerOfPushes
	ignoresTimerOfPops
	registers
)

// bugs lists, for each bug, the promises whose tests must find it.
var bugs = []struct {
	bug  bug
	name string
	by   []string
}{
	{losesOne, "loses one value in 100", []string{"Conservation", "ConservationUnderCancel", "CapIsWhatFits", "BehavesAsASlice"}},
	{doublesOne, "queues one value in 100 twice", []string{"Conservation", "BehavesAsASlice"}},
	{swapsTwo, "a value overtakes the one before", []string{"PopsAreFIFO", "BehavesAsASlice", "Conservation", "HandedOn", "OrderAcrossProducers"}},
	{swapsLanes, "an old value is overtaken", []string{"PopsAreFIFO", "OrderAcrossProducers"}},
	{fullEarly, "full with one place left", []string{"CapIsWhatFits"}},
	{oneTooMany, "room for one more than Cap", []string{"CapIsWhatFits"}},
	{fullWhenBusy, "full because another was quicker", []string{"FullAndEmptyAreStrict"}},
	{emptyWhenBusy, "empty because another was quicker", []string{"FullAndEmptyAreStrict"}},
	{emptyAtTimes, "empty, though it is not", []string{"PoppableWhenNotEmpty"}},
	{dropsAfterClose, "a push after Close succeeds and is dropped", []string{"CloseRefusesPushes"}},
	{closeDiscards, "Close discards what is there", []string{"CloseKeepsTheRest", "PopDuringClose", "PushDuringClose"}},
	{closeWakesNobody, "Close wakes nobody", []string{"CloseWakesProducers", "CloseWakesConsumers"}},
	{closesOnce, "Close panics the second time", []string{"CloseRefusesPushes"}},
	{closeWaits, "Close waits for consumers", []string{"CloseRefusesPushes", "CloseKeepsTheRest", "EndedCtxFails"}},
	{secondCloseDiscards, "a second Close discards what is there", []string{"CloseByMany", "CloseRefusesPushes"}},
	{flagNotBit, "looks at a closed flag and then pushes", []string{"CloseAtAnyMoment", "NothingAfterClose"}},
	{pushWakesNobody, "a push wakes nobody", []string{"PopBlocksWhileEmpty", "LastValueIsPopped", "PopBatchWaitsForOne"}},
	{popWakesNobody, "a pop wakes nobody", []string{"PushBlocksWhileFull", "PushBatchBlocksForTheRest", "BlockedProducersFinish"}},
	{endedCtxIsFine, "does not look at a ctx that has ended", []string{"EndedCtxFails"}},
	{waitIgnoresCtx, "waits on though ctx ends", []string{"CtxEndsPush", "CtxEndsPop", "CtxEndsPushBatch"}},
	{nilCtxIsFine, "takes a nil ctx", []string{"NilCtxPanics"}},
	{pushesAfterCancel, "queues the value of a push that its ctx ended", []string{"CtxEndsPush", "ConservationUnderCancel"}},
	{takesAfterCancel, "a pop that its ctx ended takes a value nevertheless", []string{"ConservationUnderCancel"}},
	{batchForgets, "PushBatch says 0 when it is cut short", []string{"CtxEndsPushBatch", "CloseCutsPushBatch"}},
	{batchWaitsForAll, "PopBatch waits until dst is full", []string{"PopBatchWaitsForOne"}},
	{emptyBatchWaits, "PopBatch waits though dst is empty", []string{"EmptyBatchDoesNotBlock"}},
	{batchClearsTheRest, "PopBatch clears what it does not fill", []string{"BatchIsAPrefix"}},
	{clearsBatch, "PushBatch clears what it has queued", []string{"BatchIsTheCallers"}},
	{keepsBatch, "PushBatch keeps the slice", []string{"BatchIsTheCallers"}},
	{keepsPopped, "keeps popped values alive", []string{"PoppedIsNotKept"}},
	{keepsRefused, "keeps refused values alive", []string{"PoppedIsNotKept"}},
	{spins, "spins", []string{"PushBlocksWhileFull", "SleepersUseNoCPU"}},
	{leaksGoroutine, "has a goroutine forever", []string{"LeavesNoGoroutine"}},
	{lenCountsWaiters, "Len counts those who wait", []string{"PushBlocksWhileFull", "LenIsPossible"}},
	{lenIsLate, "Len is less than what is there", []string{"CapIsWhatFits", "BehavesAsASlice"}},
	{tears, "a value is written and read in two steps", []string{"ValuesAreWhole"}},
	{losesWakeUp, "who gives up takes the wake-up along", []string{"CancelPassesTheValueOn", "CancelPassesTheRoomOn"}},
	{losesTimersWakeUp, "whose timer fires takes the wake-up along", []string{"TimerPassesTheWakeUpOn"}},
	{wakesOne, "many values wake one sleeper", []string{"BatchWakesAll"}},
	{tryWaits, "the Try methods queue up behind those who wait", []string{"TryNeverBlocks"}},
	{ignoresTimers, "does not look at the timer", []string{"TimersEndTheWait"}},
	{ignoresTimerOfPushes, "has no timer for pops, and does not look at that of pushes", []string{"TimersEndTheWait"}},
	{ignoresTimerOfPops, "has no timer for pushes, and does not look at that of pops", []string{"TimersEndTheWait"}},
	{registers, "is listed in a global forever", []string{"DroppedQueueIsGarbage"}},
}

// open returns a queue with the bug.
func (b bug) open(capacity int, end <-chan struct{}) queue.Queue[Value] {
	q := newPlain[Value](capacity, b, end)
	switch b {
	case tears:
		return &torn{q}
	case keepsBatch:
		return &lender{plain: q}
	case losesTimersWakeUp:
		return timedToken{newOneToken(q, end)}
	case losesWakeUp, wakesOne:
		return newOneToken(q, end)
	case tryWaits:
		return &polite{q}
	case ignoresTimers:
		return deaf{q}
	case ignoresTimerOfPushes:
		return struct {
			queue.Queue[Value]
			queue.TimedPusher[Value]
		}{q, deaf{q}}
	case ignoresTimerOfPops:
		return struct {
			queue.Queue[Value]
			queue.TimedPopper[Value]
		}{q, deaf{q}}
	case registers:
		registry = append(registry, q)
	}
	return q
}

func (b bug) factory(t testing.TB) Factory[Value] {
	ctx, cancel := context.WithCancel(bg)
	t.Cleanup(cancel)
	f, err := Factory[Value]{
		New: func(capacity int) (queue.Queue[Value], error) { return b.open(capacity, ctx.Done()), nil },
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What keeps the promises passes, though it is nothing like the ring.
func TestPlainPasses(t *testing.T) { Run(t, none.factory(t)) }

// Who sleeps need not wait for room: a queue may sleep in the middle of a batch for
// reasons of its own.
func TestUnhurriedPasses(t *testing.T) {
	f := none.factory(t)
	f.New = func(capacity int) (queue.Queue[Value], error) {
		return unhurried{newPlain[Value](capacity, none, nil)}, nil
	}
	for _, name := range []string{"CtxEndsPushBatch", "CloseCutsPushBatch", "PushBatchBlocksForTheRest", "BatchWakesAll"} {
		failures, _ := record(t, f, promiseNamed(t, name))
		if len(failures) > 0 {
			t.Errorf("%s: %.200q", name, failures[0])
		}
	}
}

// Every bug is found by the tests that are there to find it, and there is a bug
// for every test: each can fail.
func TestBugsAreFound(t *testing.T) {
	found := map[string]bool{}
	for _, tt := range bugs {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range tt.by {
				f := tt.bug.factory(t)
				// What hangs here hangs forever: there is nothing to be patient for.
				f.Patience = 300 * time.Millisecond
				failures, _ := record(t, f, promiseNamed(t, name))
				for try := 0; len(failures) == 0 && try < 10; try++ {
					// Some show only if two goroutines meet, which busy machines keep
					// from each other for a while.
					failures, _ = record(t, f, promiseNamed(t, name))
				}
				if len(failures) == 0 {
					t.Errorf("%s does not find it", name)
					continue
				}
				found[name] = true
				t.Logf("%s: %.100q", name, failures[0])
			}
		})
	}
	registry = nil
	for _, p := range Promises() {
		if !found[p.Name] {
			t.Errorf("no bug shows that the test of %s can fail", p.Name)
		}
	}
}

func promiseNamed(t testing.TB, name string) promise[Value] {
	for _, p := range promises[Value]() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no promise %q", name)
	panic("unreachable")
}

// What hangs is not waited for longer than Patience, and leaves nobody behind.
func TestPatience(t *testing.T) {
	f := pushWakesNobody.factory(t)
	f.Patience = time.Millisecond
	failures, _ := record(t, f, promiseNamed(t, "LastValueIsPopped"))
	if len(failures) != 1 || !strings.HasPrefix(failures[0], "hangs:") {
		t.Fatalf("%q", failures)
	}
}

// What is known to be broken is run, and reported when it is fixed.
func TestBreaks(t *testing.T) {
	f := keepsPopped.factory(t)
	f.Breaks = map[string]string{"PoppedIsNotKept": "it has a history"}
	f.Skip = map[string]string{"SleepersUseNoCPU": "to see that it is skipped"}
	Run(t, f)

	f = none.factory(t)
	if failures, _ := record(t, f, promiseNamed(t, "PoppedIsNotKept")); len(failures) != 0 {
		t.Errorf("Run would not say that the promise is kept: %q", failures)
	}
}

func TestBadFactories(t *testing.T) {
	open := func(int) (queue.Queue[Value], error) { return nil, nil }
	for want, f := range map[string]Factory[Value]{
		"Factory.New":       {},
		"Factory.Value":     {New: open, Value: NewValue},
		"Factory.Patience":  {New: open, Patience: -1},
		"Factory.MaxQueues": {New: open, MaxQueues: -1},
		"Factory.Breaks":    {New: open, Breaks: map[string]string{"Peace": ""}},
		"Factory.Skip":      {New: open, Skip: map[string]string{"Peace": ""}},
	} {
		if _, err := f.withDefaults(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that names %s", err, want)
		}
	}
	f := Factory[string]{New: func(int) (queue.Queue[string], error) { return nil, nil }}
	if _, err := f.withDefaults(); err == nil || !strings.Contains(err.Error(), "values of type string") {
		t.Errorf("%v, want one that names the type", err)
	}
}

func TestValue(t *testing.T) {
	a, b := NewValue(5), NewValue(6)
	if a.Number() != 5 || NewValue(0).Number() != 0 || (Value{}).Number() != -1 {
		t.Error("a value does not know its number, or zero has one")
	}
	for name, v := range map[string]Value{
		"n": {a.n, b.minus, b.times, b.word, b.behind, nil}, "minus": {b.n, a.minus, b.times, b.word, b.behind, nil},
		"times": {b.n, b.minus, a.times, b.word, b.behind, nil}, "word": {b.n, b.minus, b.times, a.word, b.behind, nil},
		"behind": {b.n, b.minus, b.times, b.word, a.behind, nil}, "nil": {b.n, b.minus, b.times, b.word, nil, nil},
	} {
		if v.Number() != -1 {
			t.Errorf("a value with another's %s is not seen to be torn", name)
		}
	}
}
