// Package pad keeps words that different goroutines write on different cache
// lines.
package pad

// Line is as long as two cache lines of amd64: its adjacent-line prefetcher
// moves lines in pairs, and other processors have lines of 128 bytes.
type Line [128]byte
