package pprof_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sparkpipe/sparkpipe/pprof"
)

// unspeakable is an error whose Error panics with one whose Error panics.
type unspeakable struct{}

func (u unspeakable) Error() string { panic(u) }

// failure is an error whose Error panics if it is nil.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// marshals cannot be encoded, and says why with this error.
type marshals struct{ err error }

func (m marshals) MarshalJSON() ([]byte, error) { return nil, m.err }

// What a source fails with may have no text: that is no panic of the page's, which
// would end the program as net/http prints it.
func TestUnspeakableSource(t *testing.T) {
	page := stats(t, newHandler(t,
		pprof.Source{Name: "good", Stats: func() any { return 1 }},
		pprof.Source{Name: "panic", Stats: func() any { panic(unspeakable{}) }},
		pprof.Source{Name: "error", Stats: func() any { return marshals{unspeakable{}} }},
		pprof.Source{Name: "nil error", Stats: func() any { return marshals{(*failure)(nil)} }},
		pprof.Source{Name: "no text", Stats: func() any { return marshals{&failure{}} }},
	))
	require.Len(t, page, 5)
	require.Equal(t, 1.0, page["good"])
	for _, name := range []string{"panic", "error", "nil error", "no text"} {
		require.Contains(t, page[name], "error", name)
	}
	require.Equal(t, map[string]any{"error": "panic with a pprof_test.unspeakable"}, page["panic"])
}
