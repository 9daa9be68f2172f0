/* The reply slot of internal/reply/slot.go: one slot, used for several requests in
   turn by one caller, who may give each up. Two resolvers answer, the second one
   perhaps late or twice. A request must get its own answer or none; both sides
   must come to an end; no second token may be given, and none be left behind.

   The word is (gen, phase, parked), read, compared and swapped in one step.
   value is a plain field, written and read in steps of its own.

   BUG  1  the generation is not compared
        2  who gives up frees the slot without comparing the word
        3  the answer is written before the slot is won
        4  who loses the race to give up frees the slot without waiting for the answer
        5  done is stored, and parked looked at before that
        6  parked is set without comparing the word
        7  the token is given, parked or not
        8  parked is forgotten when the slot is won                                */
#ifndef BUG
#define BUG 0
#endif
#define REQUESTS 3

mtype = { FREE, WAITING, WRITING, DONE };

byte gen = 0;
mtype phase = FREE;
bool parked = false;
byte value = 0;
bool token = false;

chan queue = [2 * REQUESTS] of { byte, byte };  /* request, and its generation */
byte wins[REQUESTS];
bool over = false;

/* Resolve */
proctype resolver() {
	byte request, g;
	bool won, had, p;
	mtype ph;
end:    do
	:: queue ? request, g ->
#if BUG == 3
		value = request + 1;
#endif
		won = false;
		do
		:: won -> break
		:: !won ->
			d_step { ph = phase; p = parked; had = (gen == g) }
			if
#if BUG == 1
			:: ph != WAITING -> break
			:: ph == WAITING ->
#else
			:: !(had && ph == WAITING) -> break     /* late: dropped */
			:: had && ph == WAITING ->
#endif
				d_step {
					if
#if BUG == 1
					:: phase == ph && parked == p -> phase = WRITING; won = true
#elif BUG == 8
					:: gen == g && phase == ph && parked == p ->
						phase = WRITING; parked = false; won = true
#else
					:: gen == g && phase == ph && parked == p -> phase = WRITING; won = true
#endif
					:: else
					fi
				}
			fi
		od;
		if
		:: won ->
			wins[request]++;
#if BUG != 3
			value = request + 1;
#endif
#if BUG == 5
			p = parked;
			d_step { phase = DONE; parked = false }
#else
			d_step { p = parked; phase = DONE; parked = false }     /* Swap */
#endif
#if BUG == 7
			p = true;
#endif
			if
			:: p -> atomic { assert(!token); token = true }
			:: else
			fi
		:: else
		fi
	od
}

inline free() { d_step { gen++; phase = FREE; parked = false } }

proctype caller() {
	byte k = 0;
	bool won, p;
	mtype ph;
	do
	:: k == REQUESTS -> break
	:: k < REQUESTS ->
		atomic { assert(phase == FREE && !parked && !token); phase = WAITING }  /* Arm */
		queue ! k, gen;
		if
		:: true -> queue ! k, gen       /* somebody answers twice */
		:: true
		fi;
		if
		:: true ->                      /* Abandon, before it waits */
			d_step { ph = phase; won = false }
			if
			:: ph == WAITING ->
				d_step {
					if
					:: phase == WAITING && !parked -> gen++; phase = FREE; won = true
					:: else
					fi
				}
			:: else
			fi;
			if
			:: won -> goto next
			:: else
			fi
		:: true
		fi;
		/* Wait */
		do
		:: d_step { ph = phase; p = parked }
			if
			:: ph == DONE -> goto take
			:: else
			fi;
			d_step {
				won = false;
				if
#if BUG == 6
				:: true -> phase = ph; parked = true; won = true
#else
				:: phase == ph && parked == p -> parked = true; won = true
				:: else
#endif
				fi
			}
			if
			:: won -> break
			:: else
			fi
		od;
		if
		:: atomic { token -> token = false }            /* Woken */
		:: true ->                                      /* ctx or the timer has ended */
#if BUG == 2
			free();
			goto next;
#endif
			d_step {
				won = false;
				if
				:: phase == WAITING && parked -> gen++; phase = FREE; parked = false; won = true
				:: else
				fi
			}
			if
			:: won -> goto next
			:: else
			fi;
#if BUG == 4
			free();
			goto next;
#endif
			atomic { token -> token = false }       /* the answer has won */
		fi;
take:
		assert(phase == DONE);
		assert(value == k + 1);
		assert(wins[k] == 1);
		value = 0;
		free();
next:
		k++
	od;
	over = true
}

init { atomic { run caller(); run resolver(); run resolver() } }
