// Package ring is the bounded lock-free ring under the queues and the server:
// many producers, many consumers, strict answers, a closed bit and a role bit.
//
// # A cell and who owns it
//
// The ring is an array of cells, used in laps. Position p is cell p mod
// capacity; positions count in steps of 4, because the two low bits of the
// tail word are flags. The sequence word of a cell says who may touch its value:
//
//		         TryPush: CAS tail p -> p+step          seq = p+1
//		 seq = p ───────────────────────────▶ producer ───────────▶ published
//		 (free)                               owns val              (seq = p+1)
//		    ▲                                                           │
//		    │  seq = p + capacity                  CAS head p -> p+step │
//		    └───────────────────────── consumer ◀──────────────────────┘
//		                               owns val, clears it
//
//	  - tail (producers CAS it) claims position p for one producer. Its partner is
//	    the same CAS of the other producers.
//	  - seq = p+1 (producer's Store) hands the value over. Its partner is the
//	    consumer's Load of seq.
//	  - head (consumers CAS it) claims position p for one consumer.
//	  - seq = p+capacity (consumer's Store) hands the empty cell to the producer
//	    of the next lap. Its partner is that producer's Load of seq.
//
// Positions wrap around with uint64; they are compared for equality and by
// their difference only.
//
// # Strict answers
//
// The textbook ring (Vyukov, "Bounded MPMC queue",
// https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue)
// says full or empty when the cell at hand is not ready, although another
// goroutine may merely be in the middle of its turn. Here:
//
//   - Full needs tail - head == capacity. TryPush reads tail = p, then head = h
//     with p - h == capacity. The tail never leads by more than the capacity and
//     neither word goes back, so at the moment head was read tail was still p:
//     the ring was full then.
//   - Empty needs tail == head. TryPop reads head = h, then tail == h. The head
//     never passes the tail, so at the moment tail was read head was still h: the
//     ring was empty then.
//   - Otherwise somebody is between claiming a cell and handing it over. TryPush
//     waits that out and TryPop answers Busy; neither guesses.
//
// What is not promised: progress when a goroutine is preempted between its
// claim and its hand-over. The others then wait for that one cell (they yield
// meanwhile). "Lock-free" is meant with this exception.
//
// # Closing
//
// Closed is a bit of the tail word. A push claims its position with a CAS of
// the whole word, so it either came before Close, and will be popped, or
// fails. There is no moment at which a push can look at a flag and then go on
// to lose its value.
//
// # The role
//
// Owned is the other bit: somebody has the role of the ring's only consumer; only a
// producer that finds the ring full may pop besides (PopFull). Not owned means empty.
// See role.go.
package ring
