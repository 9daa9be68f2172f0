package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// BenchmarkCommand sends commands and waits at the end until all are handled.
func BenchmarkCommand(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, senders := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("senders=%d/impl=idiom", senders), func(b *testing.B) {
			d := newIdiom(1024)
			b.ReportAllocs()
			sendAll(b, senders, 1, func(ms []message) { d.send(ms[0]) })
			d.close()
		})
		b.Run(fmt.Sprintf("senders=%d/impl=sparkpipe", senders), func(b *testing.B) {
			d, stop := newSparkpipe(b, server.Options{}, dispatcher.Options{})
			b.ReportAllocs()
			sendAll(b, senders, 1, func(ms []message) { _ = d.Send(ctx, ms[0]) })
			stop()
			if got := d.Stats().Commands; got != uint64(b.N) {
				b.Fatalf("%d of %d accepted", got, b.N)
			}
		})
		b.Run(fmt.Sprintf("senders=%d/impl=sparkpipe-batch16", senders), func(b *testing.B) {
			d, stop := newSparkpipe(b, server.Options{}, dispatcher.Options{})
			b.ReportAllocs()
			sendAll(b, senders, 16, func(ms []message) { _, _ = d.SendAll(ctx, ms) })
			stop()
			if got := d.Stats().Commands; got != uint64(b.N) {
				b.Fatalf("%d of %d accepted", got, b.N)
			}
		})
	}
}

// sendAll has senders send b.N messages, in batches.
func sendAll(b *testing.B, senders, batch int, send func([]message)) {
	b.ResetTimer()
	var wg sync.WaitGroup
	for s := 0; s < senders; s++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			buf := make([]message, batch)
			for n := b.N*(s+1)/senders - b.N*s/senders; n > 0; n -= len(buf) {
				buf = buf[:min(n, batch)]
				for i := range buf {
					buf[i] = message{uint64(n), 1}
				}
				send(buf)
			}
		}()
	}
	wg.Wait()
}
