package errs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/sparkpipe/sparkpipe/internal/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRoot   = errors.New("root")
	errOther  = errs.New("other")
	errParent = errs.New("parent", errRoot)
	errChild  = errs.New("child", errParent, errOther)
)

func TestIs(t *testing.T) {
	for _, tt := range []struct {
		err  error
		is   []error
		isNo []error
	}{
		{errOther, []error{errOther}, []error{errRoot, errParent, errChild}},
		{errParent, []error{errParent, errRoot}, []error{errOther, errChild}},
		{errChild, []error{errChild, errParent, errRoot, errOther}, nil},
		{fmt.Errorf("wrapped: %w", errChild), []error{errChild, errParent, errRoot, errOther}, nil},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			for _, target := range tt.is {
				assert.ErrorIs(t, tt.err, target)
			}
			for _, target := range tt.isNo {
				assert.NotErrorIs(t, tt.err, target)
			}
		})
	}
}

func TestText(t *testing.T) {
	assert.EqualError(t, errChild, "child", "the parents are not spelt out")
	assert.EqualError(t, errOther, "other")
}

// Two errors with one text are two errors.
func TestIdentity(t *testing.T) {
	a, b := errs.New("same", errRoot), errs.New("same", errRoot)
	assert.NotErrorIs(t, a, b)
	assert.False(t, a == b)
}

func TestIsAllocates(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = errors.Is(errChild, errRoot) }))
}

func TestNamed(t *testing.T) {
	assert.Equal(t, `server "orders"`, errs.Named("server", "orders"))
	assert.Equal(t, "server", errs.Named("server", ""))
}
