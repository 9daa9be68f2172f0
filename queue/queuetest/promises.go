package queuetest

// promise is a Promise with its test.
type promise[T any] struct {
	Promise
	test func(c *trial[T])
}

// promises is the list. The tests are in the files that the comments name.
func promises[T any]() []promise[T] {
	return []promise[T]{
		// basic.go
		{Promise{"CapIsWhatFits", "Cap values fit, not one less and not one more, for every capacity"}, capIsWhatFits[T]},
		{Promise{"PopsAreFIFO", "values of one producer are popped in the order of their pushes, by every method"}, popsAreFIFO[T]},
		{Promise{"BatchIsAPrefix", "a batch pushes and pops a prefix, says how long, and leaves the rest alone"}, batchIsAPrefix[T]},
		{Promise{"BatchIsTheCallers", "PushBatch leaves the slice as it is, and does not need it any more when it has returned"}, batchIsTheCallers[T]},
		{Promise{"EmptyBatchDoesNotBlock", "a batch of length 0 does not block, on a full or an empty queue"}, emptyBatchDoesNotBlock[T]},
		{Promise{"BehavesAsASlice", "one goroutine sees a queue that does as a slice of length Cap does, Len and Stats included"}, behavesAsASlice[T]},

		// block.go
		{Promise{"PushBlocksWhileFull", "a push onto a full queue sleeps until there is room"}, pushBlocksWhileFull[T]},
		{Promise{"PopBlocksWhileEmpty", "a pop from an empty queue sleeps until there is a value"}, popBlocksWhileEmpty[T]},
		{Promise{"TryNeverBlocks", "TryPush answers ErrFull, and TryPop false, at once, while others sleep too"}, tryNeverBlocks[T]},
		{Promise{"PushBatchBlocksForTheRest", "PushBatch queues what there is room for at once, and sleeps for the rest"}, pushBatchBlocksForTheRest[T]},
		{Promise{"PopBatchWaitsForOne", "PopBatch sleeps for the first value and not for the rest"}, popBatchWaitsForOne[T]},
		{Promise{"BatchWakesAll", "a call that moves many values wakes as many sleepers"}, batchWakesAll[T]},
		{Promise{"LastValueIsPopped", "a sleeping consumer gets a value after which no other comes"}, lastValueIsPopped[T]},
		{Promise{"BlockedProducersFinish", "many producers that block on a small queue all get their turn"}, blockedProducersFinish[T]},
		{Promise{"SleepersUseNoCPU", "who waits for room or for a value uses no processor time"}, sleepersUseNoCPU[T]},

		// timers.go
		{Promise{"TimersEndTheWait", "PushTimed and PopTimed end with context.DeadlineExceeded when the timer fires"}, timersEndTheWait[T]},
		{Promise{"TimerPassesTheWakeUpOn", "who gives up when its timer fires takes no value, leaves none, and passes its wake-up on"}, timerPassesTheWakeUpOn[T]},

		// ctx.go
		{Promise{"EndedCtxFails", "a ctx that has ended fails every push and pop, though it need not wait, and moves nothing"}, endedCtxFails[T]},
		{Promise{"CtxEndsPush", "a push that waits returns when its ctx ends, and its value is not queued"}, ctxEndsPush[T]},
		{Promise{"CtxEndsPop", "a pop that waits returns when its ctx ends, and takes nothing"}, ctxEndsPop[T]},
		{Promise{"CtxEndsPushBatch", "a PushBatch that its ctx ends says how many it queued"}, ctxEndsPushBatch[T]},
		{Promise{"NilCtxPanics", "a nil ctx panics, and moves nothing"}, nilCtxPanics[T]},
		{Promise{"CancelPassesTheValueOn", "a consumer that gives up passes its wake-up on"}, cancelPassesTheValueOn[T]},
		{Promise{"CancelPassesTheRoomOn", "a producer that gives up passes its wake-up on"}, cancelPassesTheRoomOn[T]},

		// close.go
		{Promise{"CloseRefusesPushes", "after Close every push fails with ErrClosed, on a full queue too; closing again does nothing"}, closeRefusesPushes[T]},
		{Promise{"CloseKeepsTheRest", "Close waits for nobody, and what was accepted before it can be popped by every method; then pops fail with ErrClosed"}, closeKeepsTheRest[T]},
		{Promise{"CloseWakesProducers", "Close wakes all that wait for room, with ErrClosed"}, closeWakesProducers[T]},
		{Promise{"CloseWakesConsumers", "Close wakes all that wait for a value, with ErrClosed"}, closeWakesConsumers[T]},
		{Promise{"CloseCutsPushBatch", "a PushBatch that Close cuts short says how many it queued"}, closeCutsPushBatch[T]},
		{Promise{"PopDuringClose", "a value that was there before Close is not taken for missing while Close runs"}, popDuringClose[T]},
		{Promise{"PushDuringClose", "a push during Close is accepted and its value popped, or refused"}, pushDuringClose[T]},
		{Promise{"NothingAfterClose", "what is not accepted when Close returns never is"}, nothingAfterClose[T]},
		{Promise{"CloseByMany", "many goroutines may close at once"}, closeByMany[T]},
		{Promise{"CloseAtAnyMoment", "nothing accepted is lost, whenever Close comes"}, closeAtAnyMoment[T]},

		// strict.go
		{Promise{"FullAndEmptyAreStrict", "TryPush says ErrFull, and TryPop false, for that reason only, and not because another was quicker"}, fullAndEmptyAreStrict[T]},
		{Promise{"PoppableWhenNotEmpty", "with one consumer, TryPop has a value whenever Len is not 0, and Len is not 0 after a push"}, poppableWhenNotEmpty[T]},
		{Promise{"OrderAcrossProducers", "values whose pushes follow each other are popped in that order, whoever pushed"}, orderAcrossProducers[T]},
		{Promise{"LenIsPossible", "Len is between 0 and Cap, whatever goes on"}, lenIsPossible[T]},

		// conserve.go
		{Promise{"Conservation", "what was accepted is popped once, in the order of each producer, and nothing else, in every shape"}, conservation[T]},
		{Promise{"ConservationUnderCancel", "the same while ctxs end at random moments"}, conservationUnderCancel[T]},
		{Promise{"HandedOn", "values pass through a chain of queues, and come out in their order"}, handedOn[T]},

		// payload.go
		{Promise{"ValuesAreWhole", "no value is torn, or popped before it was written"}, valuesAreWhole[T]},
		{Promise{"PoppedIsNotKept", "a value that was popped, or refused, is not kept alive"}, poppedIsNotKept[T]},
		{Promise{"DroppedQueueIsGarbage", "a queue that nobody refers to goes, with what is in it"}, droppedQueueIsGarbage[T]},
		{Promise{"LeavesNoGoroutine", "a queue that is closed and drained has no goroutine"}, leavesNoGoroutine[T]},
	}
}
