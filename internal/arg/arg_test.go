package arg

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContext(t *testing.T) {
	Context(context.Background(), "server")
	require.PanicsWithValue(t, "server: nil Context", func() {
		var none context.Context
		Context(none, "server")
	})
}

func TestEnded(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, Ended(ctx))
	require.Equal(t, context.Canceled, Ended(context.Background())) // whose Done is another's
	require.Equal(t, context.Canceled, Ended(struct{ context.Context }{}))
}

func TestIsNil(t *testing.T) {
	type handler struct{}
	require.True(t, IsNil(nil))
	require.True(t, IsNil((*handler)(nil)))
	require.False(t, IsNil(&handler{}))
	require.False(t, IsNil(handler{}))
	require.False(t, IsNil(0))
}
