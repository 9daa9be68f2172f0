// Package arg checks arguments that the type system lets through.
package arg

import (
	"context"
	"reflect"
)

// Context panics if ctx is nil, as package net/http does; pkg is the package
// that was called.
func Context(ctx context.Context, pkg string) {
	if ctx == nil {
		panic(pkg + ": nil Context")
	}
}

// Ended returns the error of ctx, whose Done was found closed. It is context.Canceled if
// ctx has none, as one that embeds another and has a Done of its own only: who waited
// would take nil for success. So it is if Err panics, since who waited may have
// something to give back.
func Ended(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil || err == nil {
			err = context.Canceled
		}
	}()
	return ctx.Err()
}

// IsNil reports whether x is nil, or an interface that holds a nil pointer.
func IsNil(x any) bool {
	if x == nil {
		return true
	}
	v := reflect.ValueOf(x)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
