package mutants

// mutant is one mistake.
type mutant struct {
	name string
	file string // under internal/
	old  string // stands in file exactly once
	new  string // what stands there instead
	test string // the test that must fail, in the package of file unless it names one: "reply.TestX"
	want string // a regular expression for what it says
}

const (
	lost     = `deadlock or lost wake-up`
	unserved = `deadlock or lost wake-up|handled \[` // a message that nobody sees to
	overlaps = `overlaps another|handler calls overlap|a second token is out`
	twice    = `handled twice, or never accepted`
	crossed  = `got the answer of|answers that won|a second token is out`
)

// What the models find.
var modelled = []mutant{
	// The ring: a cell and who owns it.
	{"published before it is written", "ring/ring.go",
		"			c.val = *v\n			c.seq.Store(p + 1)\n", "			c.seq.Store(p + 1)\n			c.val = *v\n",
		"TestModelQueue", twice},
	{"a batch published before it is written", "ring/ring.go",
		"		c.val = vs[i]\n		c.seq.Store(q + 1)\n", "		c.seq.Store(q + 1)\n		c.val = vs[i]\n",
		"TestModelQueue", twice},
	{"the cell handed on before its value is read", "ring/ring.go",
		"	*v = c.val\n	var zero T\n	c.val = zero // nothing popped is kept alive\n	c.seq.Store(p + r.lap)\n",
		"	c.seq.Store(p + r.lap)\n	*v = c.val\n	var zero T\n	c.val = zero\n",
		"TestModelQueue", twice},
	{"written before it is claimed", "ring/ring.go",
		"			if !r.tail.CompareAndSwap(t, (t+step)|role) {\n", "			c.val = *v\n			if !r.tail.CompareAndSwap(t, (t+step)|role) {\n",
		"TestModelQueue", twice},
	{"the tail claimed with a store", "ring/ring.go",
		"			if !r.tail.CompareAndSwap(t, (t+step)|role) {\n", "			if r.tail.Store((t + step) | role); false {\n",
		"TestModelQueue", twice + `|accepted|` + lost},
	{"the head claimed with a store", "ring/ring.go",
		"if r.head.CompareAndSwap(h, h+step) {", "if r.head.Store(h + step); true {",
		"TestModelStrict", `popped map|said empty`},
	{"a batch into cells that are still being read", "ring/ring.go",
		"c.seq.Load() != q; k++", "k < 0; k++",
		"TestModelQueue", twice + `|` + lost},
	{"a batch of cells that are claimed and not published", "ring/ring.go",
		"r.cell(p).seq.Load() != p+1 {\n				break", "r.tail.Load()&^flags == p {\n				break",
		"TestModelQueue", twice + `|` + lost},

	// The ring: strict answers, and closing.
	{"not published taken for empty", "ring/ring.go",
		"	if t&^flags == h {\n		if t", "	if true {\n		if t",
		"TestModelStrict", `said empty`},
	{"not free taken for full", "ring/ring.go",
		"		if p-r.head.Load() == r.lap {\n			return Full", "		if true {\n			return Full",
		"TestModelStrict", `with room for all`},
	{"a flag in place of the closed bit", "ring/ring.go",
		"		p := t &^ flags\n		c := r.cell(p)\n", "		t = r.tail.Load() // the flag was looked at, and may be set by now\n		p := t &^ flags\n		c := r.cell(p)\n",
		"TestModelQueue", `accepted`},
	{"closed and not drained", "ring/ring.go",
		"	if t&^flags == h {\n		if t&closed != 0 {\n			return Closed, true\n		}\n",
		"	if t&closed != 0 {\n		return Closed, true\n	}\n	if t&^flags == h {\n",
		"TestModelQueue", `accepted`},
	{"closed with a store", "ring/role.go",
		"r.tail.CompareAndSwap(t, t|closed|owned)", "(func() bool { r.tail.Store(t | closed | owned); return true }())",
		"TestModelRole", unserved},

	// The role.
	{"the role taken with a store", "ring/role.go",
		"return t&flags == 0 && r.tail.CompareAndSwap(t, t|owned)", "if t&flags == 0 {\n		r.tail.Store(t | owned)\n	}\n	return t&flags == 0",
		"TestModelRole", overlaps + `|` + unserved},
	{"the role taken from its owner", "ring/ring.go",
		"			if role != 0 && t&owned == 0 {", "			if role != 0 {",
		"TestModelRole", overlaps},
	{"the role taken and not told", "ring/ring.go",
		"			if role != 0 && t&owned == 0 {\n				return Owner\n			}\n", "",
		"TestModelRole", unserved},
	{"released without a look at what was pushed", "ring/role.go",
		"		if t&^flags != r.head.Load() {\n			return Busy\n		}\n", "",
		"TestModelRole", unserved},
	{"released with a store", "ring/role.go",
		"		if r.tail.CompareAndSwap(t, t&^owned) {\n			return OK\n		}\n		t = r.tail.Load()\n", "		r.tail.Store(t &^ owned)\n		return OK\n",
		"TestModelRole", unserved + `|` + overlaps},
	{"released, though something was pushed since the look", "ring/role.go",
		"		t = r.tail.Load()\n	}\n}\n\n// Close", "		r.tail.Store(r.tail.Load() &^ owned)\n		return OK\n	}\n}\n\n// Close",
		"TestModelRole", unserved + `|` + overlaps},
	{"released before the last look", "ring/role.go",
		"	t := r.tail.Load()\n	for {\n		if t&^flags !=", "	t := r.tail.Load()\n	r.tail.CompareAndSwap(t, t&^owned)\n	for {\n		if t&^flags !=",
		"reply.TestModelHandOver", overlaps + `|` + unserved},
	{"the last owner not told of the close", "ring/role.go",
		"			if t&owned == 0 {\n				return Owner\n			}\n			return OK\n", "			return OK\n",
		"TestModelRole", lost},

	// Lanes: several rings with one role.
	{"a release looks at one lane's tail only", "ring/lanes.go",
		"	for _, r := range l.lanes {\n		tail :=", "	for _, r := range l.lanes[:1] {\n		tail :=",
		"TestModelLanes", unserved + `|is not handled`},
	{"a release looks at the tails, then at the word", "ring/lanes.go",
		"		open = open || tail&closed == 0\n	}\n", "		open = open || tail&closed == 0\n	}\n	t = l.word.Load()\n",
		"TestModelLanes", unserved + `|is not handled`},
	{"a release looks at the numbers only", "ring/lanes.go",
		"	open := false\n	for _, r := range l.lanes {\n		tail := r.tail.Load()\n		if tail&^flags != r.head.Load() {\n			return Busy\n		}\n		open = open || tail&closed == 0\n	}\n",
		"	open, popped := false, uint64(0)\n	for _, r := range l.lanes {\n		popped += r.head.Load()\n		open = open || r.tail.Load()&closed == 0\n	}\n	if t&^flags != popped {\n		return Busy\n	}\n",
		"TestModelLanes", unserved + `|is not handled`},
	{"lanes released with a store", "ring/lanes.go",
		"		if l.word.CompareAndSwap(t, t&^owned) {\n			return OK\n		}\n		return Busy\n", "		l.word.Store(t &^ owned)\n		return OK\n",
		"TestModelLanes", unserved + `|is not handled|` + overlaps},
	{"a push is counted before it is published", "ring/lanes.go",
		"	if s := l.lanes[lane].push(v, 0); s != OK {\n		return s\n	}\n	return l.count(1)\n", "	st := l.count(1)\n	if s := l.lanes[lane].push(v, 0); s != OK {\n		return s\n	}\n	return st\n",
		"TestModelLanes", unserved + `|is not handled|livelock`},
	{"a push that finds an owner is not counted", "ring/lanes.go",
		"	return l.count(1)\n", "	if l.Owned() {\n		return OK\n	}\n	return l.count(1)\n",
		"TestModelLanes", unserved + `|is not handled`},
	{"a push counted with a store", "ring/lanes.go",
		"if l.word.CompareAndSwap(t, (t+uint64(n)*step)|owned) {", "if l.word.Store((t + uint64(n)*step) | owned); true {",
		"TestModelLanes", unserved + `|is not handled|` + overlaps},
	{"a push goes by the closed bit of its own lane", "ring/lanes.go",
		"	if l.word.Load()&closed != 0 {\n		return Closed\n	}\n	if s :=", "	if s :=",
		"TestModelLanes", `after a refusal`},
	{"the lanes closed before the word", "ring/lanes.go",
		"	t := l.word.Load()\n	for ; ; t =", "	for _, r := range l.lanes {\n		r.Close()\n	}\n	t := l.word.Load()\n	for ; ; t =",
		"TestModelLanes", `after a refusal`},
	{"lanes ended while one is open", "ring/lanes.go",
		"	case open:\n		return Busy\n", "",
		"TestModelLanes", unserved + `|accepted`},
	{"the last owner of lanes not told of the close", "ring/lanes.go",
		"	if t&owned == 0 {\n		return Owner\n	}\n	return OK\n}\n\n// HasRoom", "	return OK\n}\n\n// HasRoom",
		"TestModelLanes", lost},

	// Parking.
	{"no look again after registering", "park/gate.go",
		"	w := g.enter()\n	for !try() {\n", "	ok := try()\n	w := g.enter()\n	for ; !ok; ok = try() {\n",
		"TestModelGate", lost},
	{"a look before being listed again", "park/gate.go",
		"	for !try() {\n		reason = w.token.TakeOr(done, also, expired)\n		if reason != Woken {\n			break\n		}\n",
		"	for ok := try(); !ok; {\n		reason = w.token.TakeOr(done, also, expired)\n		if reason != Woken {\n			break\n		}\n		ok = try()\n",
		"TestModelGate", lost},
	{"woken, and nobody wakes the next", "park/gate.go",
		"	if g.armed.Load() != 0 && more() {\n		g.wake()\n	}\n	return reason", "	return reason",
		"TestModelGate", lost},
	{"the baton kept by who gives up", "park/gate.go",
		"	if woken {\n		g.flying = false\n	} else {", "	if woken {\n		g.flying = true\n	} else {",
		"TestModelGate", lost},
	{"disarmed by who leaves", "park/gate.go",
		"		g.unlist(w)\n	}\n	g.rearm()\n	g.mu.Unlock()\n	if woken", "		g.unlist(w)\n	}\n	g.armed.Store(0)\n	g.mu.Unlock()\n	if woken",
		"TestModelGate", lost},

	{"the waiter recycled with its token", "park/gate.go",
		"	if woken {\n		w.token.Take()", "	if false {\n		w.token.Take()",
		"TestModelGate", `a second token is out|` + lost},

	// The reply slot.
	{"an answer after the generation ended", "reply/slot.go",
		"		if w&^parked != g|waiting {\n			return false", "		if w&phase != waiting {\n			return false",
		"TestModelSlot", crossed},
	{"given up without a new generation", "reply/slot.go",
		"!s.word.CompareAndSwap(g|waiting|parked, g+gen)", "!s.word.CompareAndSwap(g|waiting|parked, g)",
		"TestModelSlot", crossed},
	{"recycled without waiting for the answer on its way", "reply/slot.go",
		"				s.token.Take() // the answer won and is about to be there\n				reason = park.Woken\n", "				s.word.Store(g + gen)\n",
		"TestModelSlot", crossed},
	{"given up with a store", "reply/slot.go",
		"reason != park.Woken && !s.word.CompareAndSwap(g|waiting|parked, g+gen)", "reason != park.Woken && func() bool { s.word.Store(g + gen); return false }()",
		"TestModelSlot", crossed},
	{"abandoned with a store", "reply/slot.go",
		"w&phase == waiting && s.word.CompareAndSwap(w, w&^(gen-1)+gen)", "w&phase == waiting && s.word.Swap(w&^(gen-1)+gen) != 0",
		"TestModelAbandon", `won true, abandoned true`},
	{"answered with a store", "reply/slot.go",
		"		if s.word.CompareAndSwap(w, w-waiting+writing) {\n			break\n		}\n", "		s.word.Store(w - waiting + writing)\n		break\n",
		"TestModelSlot", crossed + `|` + lost},
	{"the answer written before it has won", "reply/slot.go",
		"	for {\n		w := s.word.Load()\n		if w&^parked", "	s.value, s.err = v, err\n	for {\n		w := s.word.Load()\n		if w&^parked",
		"TestModelSlot", crossed},
	{"the answer published before it is written", "reply/slot.go",
		"	s.value, s.err = v, err\n	if s.hook != nil {\n		s.hook.Resolving()\n	}\n	if s.word.Swap(g|done)&parked != 0 {\n", "	w := s.word.Swap(g | done)\n	s.value, s.err = v, err\n	if w&parked != 0 {\n",
		"TestModelSlot", crossed},
	{"parked, seen before the answer is published", "reply/slot.go",
		"	if s.word.Swap(g|done)&parked != 0 {", "	w := s.word.Load()\n	if s.word.Store(g | done); w&parked != 0 {",
		"TestModelSlot", lost},
}

// What only a run finds. One wake-up too many, or a value that is kept alive, is no
// mistake for the models; and of a dispatcher they know nothing, but the histories of
// internal/lincheck tell.
var others = []mutant{
	{"a wake-up for each item, though one is under way", "park/gate.go",
		"	g.flying = true\n", "	g.flying = false\n",
		"TestGateOneAtATime", ``},
	{"the cell keeps what was popped", "ring/ring.go",
		"	c.val = zero // nothing popped is kept alive\n", "	_ = zero\n",
		"TestCellsAreCleared", ``},
	{"the place in flight given back when the outcome is seen", "../dispatcher/call.go",
		"	s.shared.release()\n}\n\n// Resolved is called once, when the outcome is there.\nfunc (s *call[Resp]) Resolved() { s.gate.Wake() }\n",
		"}\n\nfunc (s *call[Resp]) Resolved() {\n	s.shared.release()\n	s.gate.Wake()\n}\n",
		"lincheck.TestMaxInFlight/reject", ``},
	{"a place in flight kept by a Call that was not accepted", "../dispatcher/call.go",
		"		d.release()\n		return nil, d.refused(err)\n", "		return nil, d.refused(err)\n",
		"lincheck.TestMaxInFlight/reject", ``},
	{"a request that ran on its caller is queued as well", "../dispatcher/request.go",
		"			if resp, err, ran := d.inline.TryInline(ctx, req); ran {\n				return resp, err\n			}\n		}\n	}\n	if err := d.enqueue",
		"			d.inline.TryInline(ctx, req)\n		}\n	}\n	if err := d.enqueue",
		"lincheck.TestMaxInFlight/reject", ``},
	{"the slot keeps the answer", "reply/slot.go",
		"	s.value, s.err = zero, nil\n", "	_ = zero\n",
		"TestTakeClears", ``},
}
