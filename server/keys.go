package server

import (
	"hash/maphash"
	"sync"
)

// Keyer is an optional interface of a Handler that is an Offloader: it gives
// offloaded messages an order. Those with one key are handled one after the other,
// in the order in which they were offloaded: with Options.Concurrency 1 that is the
// order in which the server took them from its queue. Messages with different keys,
// and those without one, are handled beside each other, as the pool has workers.
//
// Memory is taken by messages under way only: a key is forgotten when its last
// message has its outcome. A message that waits for its key takes a place in the
// backlog and no worker; when there are too many, they fail with ErrPoolFull. The
// next message of a key runs even if the call before it failed, or its caller had
// gone.
//
// What is not offloaded has no part in this: it is handled when its turn comes,
// beside offloaded messages of the same key.
type Keyer[Req any] interface {
	// Key returns the key of a message that is offloaded; if ok is false it has
	// none. It is called once for each, as Offload is, and must be quick. If two
	// users, say, have the same key by accident, their messages wait for each
	// other; nothing else comes of it. HashKey makes a key from a string.
	Key(req Req) (key uint64, ok bool)
}

var keySeed = maphash.MakeSeed()

// HashKey makes a key for Keyer from a string. Two strings have the same key with a
// chance of 1 in 2^64, which nobody outside the program can raise. Each run of a
// program makes other keys: do not store them.
func HashKey(s string) uint64 { return maphash.String(keySeed, s) }

// keyer returns h's choice of keys; nil: none. It is found as Offload is.
func keyer[Req, Resp any](h Handler[Req, Resp]) func(Req) (uint64, bool) {
	switch h := base(h).(type) {
	case Keyer[Req]:
		return h.Key
	case Funcs[Req, Resp]:
		return h.Key
	case *Funcs[Req, Resp]:
		return h.Key
	}
	return nil
}

// keys is the order of offloaded messages by key. Each key that is in use has a
// head, a job that is in the backlog, in the pool or running; the jobs behind it
// wait in a list. Heads are in a hash table, chained through the jobs themselves,
// so that nothing is allocated for a key. The lock is held for some pointer writes.
//
//	            enter: no head                     leave: somebody waits
//	(key unused) ──────────────▶ head of its key ◀─────────────────────── waits
//	       ▲                           │                                   ▲
//	       └───────────────────────────┘                  enter: a head ───┘
//	          leave: nobody waits
//
// backlogged counts the jobs in the backlog and those that wait for their key,
// and is at most the capacity of the backlog: therefore a job that becomes the
// head always finds room there. So no worker ever waits for the pool.
type keys[Req, Resp any] struct {
	limit int // a power of two, as all capacities

	mu         sync.Mutex
	heads      []*job[Req, Resp] // nil until the first message with a key
	backlogged int
}

// turn is a job's turn among the others of its key. All but keyed belongs to
// keys.mu.
type turn[Req, Resp any] struct {
	keyed    bool // it is a head or waits; written by who has the job
	reserved bool // it is one of keys.backlogged; likewise
	key      uint64
	chain    *job[Req, Resp] // the next head in the table
	behind   *job[Req, Resp] // the next of this key
	last     *job[Req, Resp] // of a head: the last one behind it
}

// The answers of enter.
type entry uint8

const (
	keyHead  entry = iota // j is the head of its key
	keyWaits              // j waits for its key, and is not the caller's any more
	keyFull               // j is nowhere
)

// bucket is where the chain with the head of key begins.
func (k *keys[Req, Resp]) bucket(key uint64) **job[Req, Resp] {
	// Fibonacci hashing, of 32 bits for the sake of any length up to 2^32. Keys may
	// be consecutive numbers, or multiples of some.
	h := (key ^ key>>32) * 0x9E3779B97F4A7C15 >> 32
	return &k.heads[h&uint64(len(k.heads)-1)]
}

// enter puts j behind the others of its key, or makes it the head.
func (k *keys[Req, Resp]) enter(j *job[Req, Resp], key uint64) entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.heads == nil {
		// There may be as many heads as messages in the pool, which is not known.
		k.heads = make([]*job[Req, Resp], max(k.limit, 256))
	}
	chain := k.bucket(key)
	for h := *chain; h != nil; h = h.chain {
		if h.key != key {
			continue
		}
		if k.backlogged == k.limit {
			return keyFull
		}
		k.backlogged++
		j.turn = turn[Req, Resp]{keyed: true, reserved: true, key: key}
		if h.last == nil {
			h.behind = j
		} else {
			h.last.behind = j
		}
		h.last = j
		return keyWaits
	}
	j.turn = turn[Req, Resp]{keyed: true, key: key, chain: *chain}
	*chain = j
	return keyHead
}

// leave takes the head j out and returns the next of its key, which is the head
// now; nil: there is none.
func (k *keys[Req, Resp]) leave(j *job[Req, Resp]) *job[Req, Resp] {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.bucket(j.key)
	for *at != j {
		at = &(*at).chain
	}
	next := j.behind
	if next == nil {
		*at = j.chain
		return nil
	}
	next.chain = j.chain
	if next != j.last {
		next.last = j.last
	}
	*at = next
	return next
}

// reserve takes a place in the backlog.
func (k *keys[Req, Resp]) reserve() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.backlogged == k.limit {
		return false
	}
	k.backlogged++
	return true
}

// unreserve gives a place in the backlog back.
func (k *keys[Req, Resp]) unreserve() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.backlogged--
}

func (k *keys[Req, Resp]) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.backlogged
}
