package main

import (
	"cmp"
	"slices"
	"strings"
)

// losing says what is listed as lost.
const losing = "Here each of ours is compared with every contestant of its row that is not ours, and listed once, with the one that it " +
	"loses most to: in every round, if there is one, or else in the median of the rounds. Where ours come one by one and in batches " +
	"(ring and ring-batch), batches are compared with what is named -batch, or else with the contestant that the table names. " +
	"The mutex around the state has a list of its own."

// loss is a row that one of ours loses to another contestant.
type loss struct {
	bench, shape, unit, than string
	cell
}

// losses are the worst first: what is lost in every round, and then the rest.
type losses []loss

// losses returns what is lost.
func (f *results) losses() (ls losses) {
	for _, b := range f.benches {
		for _, t := range b.tables() {
			for _, r := range t.rows {
				for _, impl := range t.impls {
					if l := t.worst(r, impl); l.lost {
						l.bench, l.shape, l.unit = b.name, strings.TrimSpace(t.common+" "+r.shape), t.unit.title
						ls = append(ls, l)
					}
				}
			}
		}
	}
	slices.SortStableFunc(ls, worseFirst)
	return ls
}

// worst returns what impl loses most to in a row. If it loses to nobody, or is not
// ours, the result is not lost.
func (t *table) worst(r tableRow, impl string) (worst loss) {
	for _, rival := range t.rivals(impl) {
		l := loss{than: rival, cell: r.cell(t.unit, rival, impl)}
		if l.lost && (!worst.lost || worseFirst(l, worst) < 0) {
			worst = l
		}
	}
	return worst
}

func worseFirst(a, b loss) int {
	switch every := a.inEveryRound(); {
	case every == b.inEveryRound():
		return cmp.Compare(a.ratio.median, b.ratio.median)
	case every:
		return -1
	}
	return 1
}

// inEveryRound reports whether no round says otherwise: whether the loss is more
// than the spread.
func (l loss) inEveryRound() bool { return l.ratio.max < 1 }

// toFloor returns the rows in which the floor is better than each of ours in every
// round, with the best of ours.
func (f *results) toFloor() (ls losses) {
	for _, b := range f.benches {
		for _, t := range b.tables() {
			i := slices.IndexFunc(t.impls, t.floor)
			if i < 0 {
				continue
			}
			for _, r := range t.rows {
				if l := t.bestOfOurs(r, t.impls[i]); l.lost && l.inEveryRound() {
					l.bench, l.shape, l.unit = b.name, strings.TrimSpace(t.common+" "+r.shape), t.unit.title
					ls = append(ls, l)
				}
			}
		}
	}
	slices.SortStableFunc(ls, worseFirst)
	return ls
}

// bestOfOurs returns what one of ours loses least to than. If one wins a round,
// that is the one.
func (t *table) bestOfOurs(r tableRow, than string) (best loss) {
	for _, impl := range t.impls {
		if !ours(impl) {
			continue
		}
		l := loss{than: than, cell: r.cell(t.unit, than, impl)}
		if l.against && (!best.against || worseFirst(best, l) < 0) {
			best = l
		}
	}
	return best
}

// lossTable is the losses of a kind.
type lossTable struct {
	Title string
	losses
}

// kinds returns the losses in every round apart from those that may be noise.
func (ls losses) kinds() [2]lossTable {
	n := 0
	for n < len(ls) && ls[n].inEveryRound() {
		n++
	}
	return [2]lossTable{{"Lost in every round", ls[:n]}, {"Lost in the median of the rounds only, within the spread", ls[n:]}}
}

// lists returns all that is listed as lost.
func (f *results) lists() []lossTable {
	kinds := f.losses().kinds()
	if toFloor := f.toFloor(); len(toFloor) > 0 {
		return append(kinds[:], lossTable{"Lost to the mutex around the state in every round, by all of ours; the best of them is named", toFloor})
	}
	return kinds[:]
}

// rivals returns whom to compare impl with: those that do the same thing, or else
// the base. Where ours come both in batches and one by one, so do the others.
func (t *table) rivals(impl string) (rs []string) {
	both := slices.ContainsFunc(t.impls, func(i string) bool { return ours(i) && batches(i) })
	for _, i := range t.impls {
		if !ours(i) && !t.floor(i) && (!both || batches(i) == batches(impl)) {
			rs = append(rs, i)
		}
	}
	if len(rs) == 0 {
		rs = []string{t.base}
	}
	return rs
}

// floor reports whether a contestant is the mutex around the state, which is not a
// server but what there is below one. In a queue the mutex is a rival.
func (t *table) floor(impl string) bool {
	return impl == "mutex" && slices.ContainsFunc(t.impls, func(i string) bool { return strings.HasPrefix(i, "sparkpipe") })
}

func batches(impl string) bool { return strings.HasSuffix(impl, "-batch") }
