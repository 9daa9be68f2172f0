//go:build !race

package testx

// Race says that the race detector is on.
const Race = false
