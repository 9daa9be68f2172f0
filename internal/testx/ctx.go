package testx

import "context"

// Silent returns a ctx that has ended, and has no error: that of another, which it
// embeds, as it has a Done of its own only.
func Silent() context.Context {
	done := make(chan struct{})
	close(done)
	return silent{context.Background(), done}
}

type silent struct {
	context.Context
	done chan struct{}
}

func (s silent) Done() <-chan struct{} { return s.done }
