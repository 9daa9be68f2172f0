package server_test

import (
	"context"
	"testing"

	"github.com/sparkpipe/sparkpipe/dispatcher"
	"github.com/sparkpipe/sparkpipe/server"
)

// audit holds a server that has ended to what all servers promise then, and what
// its dispatchers counted to what it counted; they are all there were, and nobody
// is in a call of theirs. Every stress test ends with it.
func audit[Req, Resp any](t testing.TB, s *server.Server[Req, Resp], ds ...*dispatcher.Dispatcher[Req, Resp]) server.Stats {
	t.Helper()
	select {
	case <-s.Done():
	default:
		t.Errorf("the server has not ended")
	}
	st := s.Stats()
	if st.Queue.Len != 0 || st.Backlog != 0 || st.InFlight != 0 || st.Queue.Popped != st.Queue.Pushed || !st.Queue.Closed {
		t.Errorf("something is left: %+v", st)
	}
	if st.Queue.Pushed != accounted(st) {
		t.Errorf("accepted messages and their outcomes do not add up: %+v", st)
	}
	if err := addUp(st); err != nil {
		t.Error(err)
	}
	if st.Failed+st.Panicked > st.Inline+st.Requests+st.Commands {
		t.Errorf("more calls failed than there were: %+v", st)
	}
	var accepted uint64
	for _, d := range ds {
		ds := d.Stats()
		if ds.InFlight != 0 || ds.Queued != ds.Answered {
			t.Errorf("requests without an outcome: %+v", ds)
		}
		accepted += ds.Queued + ds.Commands
		var zero Req
		if err := d.Send(context.Background(), zero); err != server.ErrServerClosed {
			t.Errorf("a command after the end: %v", err)
		}
	}
	if len(ds) > 0 && accepted != st.Queue.Pushed {
		t.Errorf("dispatchers say that %d messages were accepted, the server has %d", accepted, st.Queue.Pushed)
	}
	return st
}
