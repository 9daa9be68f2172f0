//go:build go1.23

package queue

import (
	"fmt"
	"runtime"
)

// newZenQ refuses: ZenQ links against symbols that the runtime closed to
// others in Go 1.23 (https://github.com/alphadose/ZenQ/issues/18).
func newZenQ[T any](opts Options) (Queue[T], error) {
	if _, err := capacity[T](opts); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: ZenQ links with Go 1.22 and older only, this is %s", ErrUnavailable, runtime.Version())
}
