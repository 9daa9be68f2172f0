//go:build !modelcheck

package reply

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/internal/park"
	"github.com/sparkpipe/sparkpipe/internal/testx"
)

var errHandler = errors.New("the handler's")

// take checks the answer that is there and frees the slot.
func take(t *testing.T, s *Slot[int], want int, wantErr error) {
	t.Helper()
	v, err := s.Take()
	require.Equal(t, want, v)
	require.Equal(t, wantErr, err)
}

// dead checks that generation g is over: nothing reaches it any more.
func dead(t *testing.T, s *Slot[int], g uint64) {
	t.Helper()
	before := s.word.Load()
	require.False(t, s.Live(g))
	require.False(t, s.Resolve(g, -1, nil), "a late answer")
	require.Equal(t, before, s.word.Load(), "a late answer changed something")
}

func TestAnswerBeforeWait(t *testing.T) {
	s := New[int]()
	var old []uint64
	for i := 0; i < 10; i++ {
		g := s.Arm()
		require.True(t, s.Live(g))
		require.False(t, s.Done())
		require.True(t, s.Resolve(g, i, errHandler))
		require.True(t, s.Done())
		require.False(t, s.Live(g))
		require.False(t, s.Resolve(g, -1, nil), "a second answer")
		require.Equal(t, park.Woken, s.Wait(nil, nil))
		take(t, s, i, errHandler)
		require.False(t, s.Done())
		for _, g := range append(old, g) {
			dead(t, s, g)
		}
		old = append(old, g)
	}
}

func TestAnswerWhileParked(t *testing.T) {
	s := New[int]()
	for i := 0; i < 10; i++ {
		g := s.Arm()
		reason := testx.Park(t, func() park.Reason { return s.Wait(nil, nil) })
		require.True(t, s.Live(g), "a caller that sleeps still waits")
		require.True(t, s.Resolve(g, i, nil))
		require.Equal(t, park.Woken, testx.Recv(t, reason))
		require.False(t, s.Resolve(g, -1, nil))
		take(t, s, i, nil)
		dead(t, s, g)
	}
}

// An answer that is there wins against a ctx that has ended.
func TestAnswerAndEnded(t *testing.T) {
	s := New[int]()
	ended := make(chan struct{})
	close(ended)
	g := s.Arm()
	require.True(t, s.Resolve(g, 1, nil))
	require.Equal(t, park.Woken, s.Wait(ended, nil))
	take(t, s, 1, nil)
}

func TestGivingUp(t *testing.T) {
	for _, tt := range []struct {
		name   string
		giveUp func(t *testing.T, s *Slot[int])
	}{
		{"ctx had ended", func(t *testing.T, s *Slot[int]) {
			c := make(chan struct{})
			close(c)
			require.Equal(t, park.Done, s.Wait(c, nil))
		}},
		{"ctx ends", func(t *testing.T, s *Slot[int]) {
			c := make(chan struct{})
			reason := testx.Park(t, func() park.Reason { return s.Wait(c, nil) })
			close(c)
			require.Equal(t, park.Done, testx.Recv(t, reason))
		}},
		{"timeout", func(t *testing.T, s *Slot[int]) {
			c := make(chan time.Time, 1)
			reason := testx.Park(t, func() park.Reason { return s.Wait(nil, c) })
			c <- time.Time{}
			require.Equal(t, park.Expired, testx.Recv(t, reason))
		}},
		{"abandon", func(t *testing.T, s *Slot[int]) { require.True(t, s.Abandon()) }},
		{"disarm", func(_ *testing.T, s *Slot[int]) { s.Disarm() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New[int]()
			for i := 1; i < 4; i++ {
				late := s.Arm()
				tt.giveUp(t, s)
				dead(t, s, late)

				g := s.Arm() // the slot's next user
				require.NotEqual(t, late, g)
				dead(t, s, late)
				require.True(t, s.Live(g))
				require.True(t, s.Resolve(g, i, nil))
				dead(t, s, late)
				require.Equal(t, park.Woken, s.Wait(nil, nil))
				take(t, s, i, nil)
			}
		})
	}
}

func TestAbandonTooLate(t *testing.T) {
	s := New[int]()
	g := s.Arm()
	require.True(t, s.Resolve(g, 5, errHandler))
	require.False(t, s.Abandon())
	take(t, s, 5, errHandler)
	dead(t, s, g)
}

// A resolver that was preempted between its claim and its answer: the caller
// neither gives up nor goes on without it, ended or not.
func TestAnswerOnItsWay(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	for name, wait := range map[string]func(s *Slot[int]) bool{
		"no ctx":        func(s *Slot[int]) bool { return s.Wait(nil, nil) == park.Woken },
		"ctx":           func(s *Slot[int]) bool { return s.Wait(make(chan struct{}), nil) == park.Woken },
		"ctx has ended": func(s *Slot[int]) bool { return s.Wait(ended, nil) == park.Woken },
		"abandon":       func(s *Slot[int]) bool { return !s.Abandon() },
	} {
		t.Run(name, func(t *testing.T) {
			s := New[int]()
			g := s.Arm()
			s.word.Store(g | writing) // the claim
			require.False(t, s.Live(g))
			require.False(t, s.Done())
			require.False(t, s.Resolve(g, -1, nil), "the other one was first")
			got := testx.Park(t, func() bool { return wait(s) })
			s.value, s.err = 7, errHandler
			require.NotZero(t, s.word.Swap(g|done)&parked)
			s.token.Give()
			require.True(t, testx.Recv(t, got))
			take(t, s, 7, errHandler)
			dead(t, s, g)
		})
	}
}

// 61 bits of generation do not come round; if they did, nothing would spill into
// the other bits.
func TestLastGeneration(t *testing.T) {
	s := New[int]()
	s.word.Store(^uint64(gen - 1))
	for i := 0; i < 2; i++ {
		g := s.Arm()
		require.True(t, s.Resolve(g, i, nil))
		require.Equal(t, park.Woken, s.Wait(nil, nil))
		take(t, s, i, nil)
		require.Equal(t, free, s.word.Load()&(gen-1))
		dead(t, s, g)
	}
	require.Equal(t, gen, s.word.Load())
}

type hook struct {
	slot                Slot[int]
	before, told        int
	seenThen, seenAfter bool
}

func (h *hook) Resolving() {
	h.before++
	h.seenThen = h.slot.Done()
}

func (h *hook) Resolved() {
	h.told++
	h.seenAfter = h.slot.Done()
}

func TestHook(t *testing.T) {
	var h hook
	s := &h.slot
	s.Hook(&h)
	g := s.Arm()
	require.False(t, s.Done())
	require.True(t, s.Resolve(g, 3, errHandler))
	require.Equal(t, 1, h.told)
	require.False(t, h.seenThen, "told before it is to be seen")
	require.True(t, h.seenAfter)
	require.False(t, s.Resolve(g, 4, nil))
	require.Equal(t, 1, h.told, "told once")
	require.Equal(t, 1, h.before)
	for i := 0; i < 2; i++ {
		require.True(t, s.Done())
		v, err := s.Peek()
		require.Equal(t, 3, v)
		require.Equal(t, errHandler, err)
	}
}

// An answer that was taken is not kept alive.
func TestTakeClears(t *testing.T) {
	var garbage testx.Garbage
	s := New[*testx.Value]()
	func() {
		g := s.Arm()
		require.True(t, s.Resolve(g, garbage.New(), nil))
		_, _ = s.Take()
	}()
	garbage.Collected(t)
	runtime.KeepAlive(s)
}

func TestRoundTripAllocates(t *testing.T) {
	s := New[int]()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		s.Resolve(s.Arm(), 1, nil)
		s.Wait(nil, nil)
		_, _ = s.Take()
	}))
}
