// Package pad keeps words that different goroutines write on different cache
// lines.
package pad

// Line keeps what stands before it and after it on different cache lines. It is as
// long as two of amd64: its adjacent-line prefetcher moves lines in pairs, and other
// processors have lines of 128 bytes.
type Line [128]byte
