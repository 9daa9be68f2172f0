package server_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/server"
)

// requireAccounts checks that each message accepted is counted once.
func requireAccounts(t testing.TB, s srv) {
	t.Helper()
	st := s.Stats()
	require.Zero(t, st.Queue.Len)
	require.Equal(t, st.Queue.Pushed, accounted(st), "%+v", st)
}

// accounted returns how many messages that went through the queue a Stats
// accounts for.
func accounted(st server.Stats) uint64 {
	return st.Requests + st.Commands + st.Expired + st.Refused + st.PoolFull + st.Shed + st.Evicted
}
