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

// IsNil reports whether x is nil, or an interface that holds a nil pointer.
func IsNil(x any) bool {
	if x == nil {
		return true
	}
	v := reflect.ValueOf(x)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
