package rivals

import (
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkTask gives tasks to two workers, and ends when all have run: tasks
// that do nothing, and tasks that hash 4 KiB.
func BenchmarkTask(b *testing.B) {
	block := make([]byte, 4096)
	digest := sha256.Sum256(block)
	for _, work := range []struct {
		name string
		run  func() bool
	}{
		{"empty", func() bool { return true }},
		{"sha256", func() bool { return sha256.Sum256(block) == digest }},
	} {
		for _, clients := range []int{1, 64} {
			for _, c := range Pools() {
				b.Run(fmt.Sprintf("work=%s/clients=%d/impl=%s", work.name, clients, c.Name), func(b *testing.B) {
					p := c.Open()
					b.ReportAllocs()
					runAll(b, p, clients, work.run)
				})
			}
		}
	}
}

// runAll has clients submit b.N tasks in all. Each task adds its client's
// number to a sum, so that the sum says that all have run, and each once.
func runAll(b *testing.B, p Pool, clients int, run func() bool) {
	var sum, want atomic.Int64
	for c := range clients {
		want.Add(int64(c+1) * int64(b.N*(c+1)/clients-b.N*c/clients))
	}
	expected := want.Load()
	done := make(chan struct{})
	b.ResetTimer()
	for c := range clients {
		go func() {
			task := func() {
				if run() && sum.Add(int64(c+1)) == expected {
					close(done)
				}
			}
			for i := b.N * c / clients; i < b.N*(c+1)/clients; i++ {
				p.Submit(task)
			}
		}()
	}
	select {
	case <-done:
		b.StopTimer()
	case <-time.After(time.Minute):
		b.Fatalf("after a minute the sum is %d, not %d", sum.Load(), expected)
	}
	p.Close()
	if got := sum.Load(); got != expected {
		b.Fatalf("the sum is %d, not %d", got, expected)
	}
}
