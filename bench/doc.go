// Package bench compares this module with the plain-channel code that people
// write today: go test -bench . ./bench
package bench
