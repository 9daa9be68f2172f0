package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"time"
)

// kind says what a message asks for.
type kind uint8

const (
	lookUp kind = iota // a request: how often is this word in the tree?
	count              // a command: add the words of a file
	digest             // a request, CPU-heavy: SHA-256 and gzip size of a file
)

// message is what clients send, on both sides.
type message struct {
	kind  kind
	word  string        // lookUp
	file  *file         // digest
	words []tally       // count
	sent  time.Duration // count: when, by now()
}

// answer is the reply to a request, on both sides.
type answer struct {
	entry   entry    // lookUp
	digests *digests // digest
}

// entry is what the index knows of a word.
type entry struct{ count, files uint64 }

// index is the state that the server owns. It has no lock.
type index struct {
	words map[string]entry
	files uint64     // how many count commands were handled
	lag   *histogram // how long they took from being sent to being handled
}

func newIndex() *index {
	return &index{words: make(map[string]entry), lag: newHistogram()}
}

// add handles a count command.
func (x *index) add(words []tally) {
	for _, w := range words {
		e := x.words[w.word]
		e.count += w.n
		e.files++
		x.words[w.word] = e
	}
	x.files++
}

// handle handles a message that is not offloaded.
func (x *index) handle(m message) answer {
	if m.kind == count {
		x.add(m.words)
		x.lag.record(now() - m.sent)
		return answer{}
	}
	return answer{entry: x.words[m.word]}
}

// sorted returns the words in order.
func (x *index) sorted() []string {
	words := make([]string, 0, len(x.words))
	for w := range x.words {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}

// maxSample is how many different words are looked up at most.
const maxSample = 1 << 16

// sample returns words to look up: evenly from all of them, in an order that is
// shuffled and always the same. They are copies, as a caller's own would be.
func (x *index) sample() []string {
	all := x.sorted()
	n := min(len(all), maxSample)
	words := make([]string, n)
	for i := range words {
		words[i] = strings.Clone(all[i*len(all)/n])
	}
	rand.New(rand.NewSource(1)).Shuffle(n, func(i, j int) { words[i], words[j] = words[j], words[i] })
	return words
}

// sum is a checksum of the whole index.
func (x *index) sum() string {
	h := sha256.New()
	var b []byte
	for _, w := range x.sorted() {
		b = append(b[:0], w...)
		b = append(b, 0)
		h.Write(x.words[w].append(b)) // a hash never fails
	}
	return short(h.Sum(nil))
}

func (e entry) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, e.count), e.files)
}

// digests is what the CPU-heavy request works out.
type digests struct {
	sum  [sha256.Size]byte
	gzip int // bytes
}

// worker is what digesting needs. Workers are used again: a gzip.Writer has
// large tables.
type worker struct {
	sum  hash.Hash
	zip  *gzip.Writer
	size written
	buf  [32 << 10]byte
}

var workers = sync.Pool{New: func() any {
	zip, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // only if the level does not exist
	}
	return &worker{sum: sha256.New(), zip: zip}
}}

// written counts what is written to it.
type written int

func (w *written) Write(b []byte) (int, error) {
	*w += written(len(b))
	return len(b), nil
}

// work handles a digest request. It may run beside others.
func work(f *file) (*digests, error) {
	w := workers.Get().(*worker)
	defer workers.Put(w)
	w.size = 0
	w.sum.Reset()
	w.zip.Reset(&w.size)
	for text := f.text; text != ""; {
		n := copy(w.buf[:], text)
		text = text[n:]
		w.sum.Write(w.buf[:n]) // a hash never fails
		if _, err := w.zip.Write(w.buf[:n]); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
	}
	if err := w.zip.Close(); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	d := &digests{gzip: int(w.size)}
	w.sum.Sum(d.sum[:0])
	return d, nil
}

// short is a checksum for people: 64 bits of it, in hex.
func short(sum []byte) string { return fmt.Sprintf("%x", sum[:8]) }
