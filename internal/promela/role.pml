/* The role of internal/ring/role.go and server/role.go: who owns the ring runs the
   handler, and the owned bit is in the word that a push claims its position with.

   Pushers send commands; callers run their own request if the ring is idle, and
   queue it otherwise; the server's goroutine drains whenever the role comes to
   it. The server is closed at any moment, or when all that was sent is handled.
   Handler calls must not overlap, what was accepted must be handled, and all must
   come to an end; so a message that is left behind is an invalid end state.

   tail is one word: (pos, owned, closed), read and compared in one step.

   BUG  1  Release clears the bit without comparing the word
        2  TryOwn looks, and then sets the bit
        3  Close leaves the role of an idle ring with nobody
        4  a caller whose Release fails just goes
        5  closed is a flag, which a push looks at before it claims
        6  the role is handed on after it was given up
        7  a cell that is claimed and not published is taken for nothing there  */
#ifndef BUG
#define BUG 0
#endif
#define MESSAGES 4

byte pos = 0, head = 0;
bool owned = false, closed = false;
bool flag = false;                      /* by bug 5 */
bool published[MESSAGES + 1];
bool token = false;                     /* the role, on its way to the server */
byte handling = 0, handled = 0, accepted = 0, senders = 0;
bool ended = false;

#define SENDERS 3

mtype = { OK, OWNER, BUSY, EMPTY, CLOSED, FREED };

inline give() { atomic { assert(!token); token = true } }

inline handle() {
	handling++;
	assert(handling == 1);
	atomic { handling--; handled++ }
}

/* TryOwn: s is OWNER or BUSY. */
inline tryOwn(s) {
	d_step { tp = pos; to = owned; tc = closed }
	s = BUSY;
	if
	:: to || tc
	:: else ->
#if BUG == 2
		owned = true; s = OWNER
#else
		d_step {
			if
			:: pos == tp && owned == to && closed == tc -> owned = true; s = OWNER
			:: else
			fi
		}
#endif
	fi
}

/* PushOwned: s is OK, OWNER or CLOSED. */
inline push(s) {
#if BUG == 5
	bool f;
	f = flag;
#endif
	s = BUSY;
	do
	:: s != BUSY -> break
	:: s == BUSY ->
		d_step { tp = pos; to = owned; tc = closed }
		if
#if BUG == 5
		:: f -> s = CLOSED
		:: !f ->
#else
		:: tc -> s = CLOSED
		:: !tc ->
#endif
			d_step {
				if
				:: pos == tp && owned == to && closed == tc ->
					pos++; owned = true; accepted++;
					s = (to -> OK : OWNER)
				:: else
				fi
			}
			if
			:: s != BUSY -> published[tp] = true
			:: else
			fi
		fi
	od
}

/* TryPop by the owner: s is OK, EMPTY, BUSY or CLOSED. */
inline pop(s) {
	if
	:: published[head] -> head++; s = OK
	:: !published[head] ->
		d_step { tp = pos; tc = closed }
#if BUG == 7
		s = (tc && tp == head -> CLOSED : EMPTY)
#elif BUG == 5
		s = (flag && tp == head -> CLOSED : (tp == head -> EMPTY : BUSY))
#else
		s = (tp != head -> BUSY : (tc -> CLOSED : EMPTY))
#endif
	fi
}

/* Release: s is FREED, BUSY or CLOSED. */
inline release(s) {
	s = EMPTY;
	do
	:: s != EMPTY -> break
	:: s == EMPTY ->
		d_step { tp = pos; to = owned; tc = closed }
		if
#if BUG == 7
		:: published[head] -> s = BUSY
		:: !published[head] && tc && tp == head -> s = CLOSED
		:: !published[head] && !(tc && tp == head) ->
#elif BUG == 5
		:: tp != head -> s = BUSY
		:: tp == head && flag -> s = CLOSED
		:: tp == head && !flag ->
#else
		:: tp != head -> s = BUSY
		:: tp == head && tc -> s = CLOSED
		:: tp == head && !tc ->
#endif
#if BUG == 1
			owned = false; s = FREED
#else
			d_step {
				if
				:: pos == tp && owned == to && closed == tc -> owned = false; s = FREED
				:: else
				fi
			}
#endif
		fi
	od
}

/* leave, after the caller's own request: help with messages, or hand on. */
inline leave(s) {
	release(s);
	do
	:: s == FREED -> break
	:: s != FREED ->
#if BUG == 4
		break
#elif BUG == 6
		owned = false;
		give();
		break
#else
		if
		:: true -> give(); break        /* no help, or enough of it */
		:: true ->
			pop(s);
			if
			:: s == OK -> handle()
			:: s == EMPTY -> release(s)
			:: s == BUSY || s == CLOSED -> give(); break
			fi
		fi
#endif
	od
}

inline send(s) {
	push(s);
	if
	:: s == OWNER -> give()
	:: else
	fi
}

proctype pusher(byte n) {
	byte tp; bool to, tc; mtype s;
	do
	:: n > 0 -> send(s); n--
	:: n == 0 -> break
	od;
	senders++
}

proctype caller() {
	byte tp; bool to, tc; mtype s;
	tryOwn(s);
	if
	:: s == OWNER -> accepted++; handle(); leave(s)
	:: else -> send(s)
	fi;
	senders++
}

/* The server's goroutine: serve and drain. */
proctype server() {
	byte tp; bool to, tc; mtype s;
take:
	atomic { token -> token = false };
	do
	:: pop(s);
		if
		:: s == EMPTY -> release(s)
		:: else
		fi;
		if
		:: s == OK -> handle()
		:: s == BUSY            /* somebody is between claiming and publishing */
		:: s == FREED -> goto take
		:: s == CLOSED -> break
		fi
	od;
	ended = true
}

proctype closer(bool patient) {
	byte tp; bool to, tc; mtype s;
	if
	:: patient -> senders == SENDERS && handled == accepted
	:: !patient
	fi;
#if BUG == 5
	flag = true;
	tryOwn(s);
	if
	:: s == OWNER -> give()
	:: else
	fi;
#else
	d_step { to = owned; closed = true;
#if BUG != 3
		owned = true
#endif
	}
#if BUG != 3
	if
	:: !to -> give()
	:: else
	fi;
#endif
#endif
	ended && senders == SENDERS;
	assert(handled == accepted)
}

init {
	atomic {
		run pusher(2);
		run caller();
		run caller();
		run server();
		if
		:: run closer(true)
		:: run closer(false)
		fi
	}
}
