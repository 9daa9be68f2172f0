/* The gate of internal/park/gate.go: an eventcount whose wake-up is a baton.

   Consumers want one item each, and sleep at the gate while there is none. One
   producer publishes two items and wakes once, as PushBatch does, and another one
   publishes one; or there is one item less than consumers, and the queue is closed
   then. One consumer may give up at any time, and comes again; if it has got an
   item by then, it puts it back. Nobody may sleep for ever: that is an invalid end
   state. No second token may be given to one waiter.

   What gate.go does under its lock is one atomic step here: nothing of it is read
   without the lock, but armed, which is written last. Which of the listed waiters
   is woken is left open; the code takes the first.

   BUG  1  a waiter does not look again after it has listed itself
        2  a waker looks for waiters before it makes the condition true
        3  who leaves does not pass the wake-up on
        4  who gives up after it was woken keeps the baton
        5  a woken waiter looks again before it lists itself, and not after
        6  who gives up after it was woken leaves its token behind
        7  who leaves looks for more before it gives the baton back
        8  Close wakes nobody                                                  */
#ifndef BUG
#define BUG 0
#endif
#define CONSUMERS 3

byte items = 0;
bool closed = false;
bool armed = false;
bool flying = false;            /* the baton is out */
bool listed[CONSUMERS];
bool token[CONSUMERS];
byte producers = 0;             /* that are done */

#define AVAILABLE (items > 0 || closed)
#define SOMEBODY  (listed[0] || listed[1] || listed[2])

inline rearm() { armed = SOMEBODY && !flying }

/* wake, with to as the one that is woken; CONSUMERS: nobody. The token is given
   after the lock. */
inline wake(to) {
	atomic {
		to = CONSUMERS;
		if
		:: SOMEBODY && !flying ->
			if
			:: listed[0] -> to = 0
			:: listed[1] -> to = 1
			:: listed[2] -> to = 2
			fi;
			listed[to] = false;
			flying = true;
			rearm()
		:: else
		fi
	}
	if
	:: to < CONSUMERS -> atomic { assert(!token[to]); token[to] = true }
	:: else
	fi
}

/* Wake: one look at armed. */
inline Wake(to) {
	if
	:: armed -> wake(to)
	:: else
	fi
}

inline publish(n, to) {
#if BUG == 2
	bool was;
	was = armed;
	items = items + n;
	if
	:: was -> wake(to)
	:: else
	fi
#else
	items = items + n;
	Wake(to)
#endif
}

proctype consumer(byte me; bool patient) {
	byte to;
	bool got, woken, look;
again_from_the_start:
	got = false;
#if BUG == 1
	look = false;
#else
	look = true;
#endif
	atomic { assert(!token[me]); listed[me] = true; rearm() }       /* enter */
	do
	:: look ->
		/* try: takes an item, or sees that none will come */
		atomic {
			if
			:: items > 0 -> items--; got = true
			:: items == 0 && closed -> got = true
			:: else
			fi
		}
		if
		:: got -> break
		:: else -> look = false
		fi
	:: !look ->
		if
		:: atomic { token[me] -> token[me] = false };
#if BUG == 5
			atomic {
				if
				:: items > 0 -> items--; got = true
				:: items == 0 && closed -> got = true
				:: else
				fi
			}
			atomic { listed[me] = true; flying = false; rearm() }
			if
			:: got -> break
			:: else
			fi
#else
			atomic { listed[me] = true; flying = false; rearm() } /* again */
			look = true
#endif
		:: !patient -> break                                    /* ctx has ended */
		fi
	od;
	bool more;
	more = true;
#if BUG == 7
	more = AVAILABLE;
#endif
	atomic {                                                        /* leave */
		woken = !listed[me];
		if
		:: woken ->
#if BUG == 4
			if
			:: got -> flying = false
			:: else
			fi
#else
			flying = false
#endif
		:: else -> listed[me] = false
		fi;
		rearm()
	}
	if
#if BUG == 6
	:: woken && got -> atomic { token[me] -> token[me] = false }
#else
	:: woken -> atomic { token[me] -> token[me] = false }
#endif
	:: else
	fi;
#if BUG != 3
	if
	:: armed ->
#if BUG != 7
		more = AVAILABLE;
#endif
		if
		:: more -> wake(to)
		:: else
		fi
	:: else
	fi;
#endif
	if
	:: !patient && got && !closed ->
		publish(1, to);                                         /* back with it */
		patient = true;
		goto done
	:: !patient && !got ->
		patient = true;
		goto again_from_the_start                               /* with the same waiter */
	:: else
	fi;
done:
	skip
}

proctype producer(byte n) {
	byte to;
	publish(n, to);
	producers++
}

proctype closer() {
	byte to;
	producers == 2;
	closed = true;
#if BUG != 8
	Wake(to)
#endif
}

init {
	atomic {
		run consumer(0, true);
		run consumer(1, true);
		run consumer(2, false);
		if
		:: run producer(2); run producer(1)             /* an item for each */
		:: run producer(1); run producer(1); run closer()
		fi
	}
}
