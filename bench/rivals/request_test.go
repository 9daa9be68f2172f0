package rivals

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkRequest is a round trip under a ctx that can be cancelled.
func BenchmarkRequest(b *testing.B) {
	for _, clients := range []int{1, 2, 8, 64} {
		for _, c := range Requests() {
			b.Run(fmt.Sprintf("clients=%d/impl=%s", clients, c.Name), func(b *testing.B) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				s := c.Open()
				for range 64 { // so that all have what they keep, and sparkpipe knows the handler
					if _, err := s.Ask(ctx, Message{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				b.ResetTimer()
				wrong := askAll(ctx, s, clients, b.N)
				b.StopTimer()
				if sum := s.Close(); wrong != 0 || sum != uint64(b.N) {
					b.Fatalf("of %d requests %d went wrong, %d were handled", b.N, wrong, sum)
				}
			})
		}
	}
}

// askAll has clients send n requests in all, each of value 1, and returns how
// many had an error or another one's reply.
func askAll(ctx context.Context, s Asked, clients, n int) int64 {
	var wrong atomic.Int64
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := n * c / clients; i < n*(c+1)/clients; i++ {
				if a, err := s.Ask(ctx, Message{Key: uint64(i), Value: 1}); err != nil || a.Key != uint64(i) {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return wrong.Load()
}
