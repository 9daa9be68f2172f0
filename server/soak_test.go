package server_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/internal/testx"
	"github.com/sparkpipe/sparkpipe/server"
)

// The tests of endurance: few rounds in every run of the tests, as many as one
// likes with make soak, which keeps what they say in docs/soak.

// parcel is a message that can tell whether it came as it was sent.
type parcel struct {
	sender, number uint64
	load           [4]uint64
	sum            uint64
}

func (p *parcel) checksum() uint64 {
	h := mix(p.sender<<48 ^ p.number)
	for _, v := range p.load {
		h = mix(h ^ v)
	}
	return h
}

// mix is the finalizer of splitmix64: a bijection without a pattern.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func newParcel(sender, number uint64) parcel {
	p := parcel{sender: sender, number: number}
	for i := range p.load {
		p.load[i] = mix(number + uint64(i))
	}
	p.sum = p.checksum()
	return p
}

// store is the handler's state: not synchronised, and all that conservation
// needs, since a sender's messages come in their order.
type store struct {
	last [4]uint64 // number of the last message, by sender
	errs []string
}

func (s *store) take(p parcel) uint64 {
	switch {
	case p.sum != p.checksum():
		s.complain("a message of sender %d is damaged: %+v", p.sender, p)
	case p.number != s.last[p.sender]+1:
		s.complain("message %d of sender %d came after %d", p.number, p.sender, s.last[p.sender])
	}
	s.last[p.sender] = p.number
	return mix(p.sum)
}

func (s *store) complain(format string, args ...any) {
	if len(s.errs) < 10 {
		s.errs = append(s.errs, fmt.Sprintf(format, args...))
	}
}

// SOAK_MESSAGES messages through one server, as requests and commands, one by one
// and in batches. Each comes once, in its sender's order and undamaged, each
// reply is that of its request, and the heap is no larger in the end than it was
// after the first hundredth.
func TestSoakMessages(t *testing.T) {
	n, progress := testx.Soak(t, "SOAK_MESSAGES", scaled(1_000_000))
	st := new(store)
	s, err := server.New[parcel, uint64](server.Funcs[parcel, uint64]{
		Request: func(_ context.Context, p parcel) (uint64, error) { return st.take(p), nil },
		Command: func(_ context.Context, p parcel) error { st.take(p); return nil },
	}, server.Options{})
	require.NoError(t, err)
	d, err := dispatcher.New(s, dispatcher.Options{})
	require.NoError(t, err)
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()

	senders := len(st.last)
	var sent [4]uint64
	heap := map[int]uint64{} // after a GC, by the percentage that is done
	for _, percent := range []int{1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100} {
		each := uint64(n) * uint64(percent) / 100 / uint64(senders)
		testx.JoinLong(t, progress, testx.Times(senders, func(i int) {
			sent[i] = sendParcels(t, d, uint64(i), sent[i], each, progress)
		})...)
		if t.Failed() {
			break
		}
		heap[percent] = heapAlloc()
	}
	require.NoError(t, s.Shutdown(context.Background()))
	require.NoError(t, <-ran)
	require.Empty(t, st.errs)
	require.Equal(t, sent, st.last, "messages were lost")
	total := sent[0] + sent[1] + sent[2] + sent[3]
	stats := audit(t, s, d)
	require.Equal(t, total, stats.Inline+stats.Requests+stats.Commands)
	require.Zero(t, stats.Failed+stats.Panicked+stats.Expired+stats.Refused)
	t.Logf("%s; %d inline, %d requests and %d commands from the queue; none lost, doubled, damaged or out of order",
		progress, stats.Inline, stats.Requests, stats.Commands)
	t.Logf("heap in KiB: %d after 1 %%, %d after 50 %%, %d after 100 %%", heap[1]>>10, heap[50]>>10, heap[100]>>10)
	limit := heap[1] + heap[1]/20
	if n < 100_000_000 {
		limit += 256 << 10 // a hundredth does not fill the pools
	}
	require.LessOrEqual(t, heap[100], limit, "the heap grows")
}

// sendParcels sends the messages after number from, up to number to, of a sender.
func sendParcels(t *testing.T, d *dispatcher.Dispatcher[parcel, uint64], sender, from, to uint64, progress *testx.Progress) uint64 {
	ctx := context.Background()
	var batch [16]parcel
	var out [16]dispatcher.Result[uint64]
	counted := from
	for i := from + 1; i <= to; {
		k := min(uint64(len(batch)), to-i+1)
		var err error
		switch i / 16 % 4 {
		case 0:
			for j := uint64(0); j < k && err == nil; j++ {
				err = d.Send(ctx, newParcel(sender, i+j))
			}
		case 1:
			for j := uint64(0); j < k && err == nil; j++ {
				p := newParcel(sender, i+j)
				var got uint64
				if got, err = d.Request(ctx, p); err == nil && got != mix(p.sum) {
					t.Errorf("message %d of sender %d got the reply of another", i+j, sender)
				}
			}
		default:
			for j := range batch[:k] {
				batch[j] = newParcel(sender, i+uint64(j))
			}
			if i/16%4 == 2 {
				_, err = d.SendAll(ctx, batch[:k])
				break
			}
			err = d.RequestAll(ctx, batch[:k], out[:k])
			for j := range out[:k] {
				if out[j].Err != nil || out[j].Value != mix(batch[j].sum) {
					t.Errorf("message %d of sender %d: %d, %v", i+uint64(j), sender, out[j].Value, out[j].Err)
				}
			}
		}
		if err != nil || t.Failed() {
			t.Errorf("sender %d at message %d: %v", sender, i, err)
			return i
		}
		i += k
		if i-counted > 1<<16 || i > to {
			progress.Add(int(i - 1 - counted))
			counted = i - 1
		}
	}
	return to
}

// heapAlloc is what is reachable.
func heapAlloc() uint64 {
	var m runtime.MemStats
	for i := 0; i < 3; i++ { // what a sync.Pool holds lives for two
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// SOAK_REQUESTS requests in a storm of cancels and timeouts, in all modes
// together: no reply crosses.
func TestSoakRequests(t *testing.T) {
	n, progress := testx.Soak(t, "SOAK_REQUESTS", scaled(100_000))
	share(t, n, func(t *testing.T, m mode, n int) { cancelStorm(t, m, n, progress) })
	t.Logf("%s; no reply crossed", progress)
}

// SOAK_SHUTDOWNS servers that are shut down at a random moment, in all modes
// together: what was accepted is handled, once.
func TestSoakShutdowns(t *testing.T) {
	n, progress := testx.Soak(t, "SOAK_SHUTDOWNS", scaled(1_000))
	share(t, n, func(t *testing.T, m mode, n int) {
		for i := 0; i < n && !t.Failed(); i++ {
			within(t, "a shutdown", func() { conservationRound(t, m, 3*i) })
			progress.Add(1)
		}
	})
	t.Logf("%s; nothing lost", progress)
}

// share divides n among the modes.
func share(t *testing.T, n int, f func(t *testing.T, m mode, n int)) {
	each(t, func(t *testing.T, m mode) { f(t, m, max(1, n/len(modes()))) })
}
