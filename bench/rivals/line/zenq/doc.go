// Package zenq has ZenQ beside a channel, our ring and a slice under a mutex.
// It links with Go 1.22 only:
//
//	GOWORK=off GOTOOLCHAIN=go1.22.12 go test -bench . ./zenq
package zenq
