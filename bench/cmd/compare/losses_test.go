package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listed returns what is listed as lost.
func (f *results) listed() (s []string) {
	for _, l := range f.losses() {
		s = append(s, fmt.Sprintf("%s %s: %s than %s, %s", l.bench, l.shape, l.impl, l.than, l.ratioText()))
	}
	return s
}

// listedOf returns what is lost in rounds of a row, contestants and nanoseconds.
func listedOf(t *testing.T, rounds ...string) []string {
	var text strings.Builder
	for i, round := range rounds {
		fmt.Fprintf(&text, "round: %d\n", i+1)
		fields := strings.Fields(round)
		for k := 0; k < len(fields); k += 2 {
			fmt.Fprintf(&text, "BenchmarkQueue/shape=1P1C/impl=%s 1 %s ns/op\n", fields[k], fields[k+1])
		}
	}
	f, err := read(strings.NewReader(text.String()), "some.txt")
	require.NoError(t, err)
	return f.listed()
}

func TestLosses(t *testing.T) {
	assert.Equal(t, []string{
		"Fairness clients=64: sparkpipe than idiom, 0x",
		"Queue shape=4P4C: ring than chan, 0.500x (0.250 to 1.50)",
	}, fixture(t, "2026-01-02.txt").listed())
}

func TestLossesToOthersThanTheBase(t *testing.T) {
	assert.Equal(t, []string{"Queue shape=1P1C: ring than spsc, 0.500x"},
		listedOf(t, "chan 100 ring 50 zenq 40 spsc 25"), "once, to the best")
	assert.Equal(t, []string{"Queue shape=1P1C: sparkpipe than idiom, 0.800x"},
		listedOf(t, "idiom 40 sparkpipe 50 mutex 10"), "the mutex around the state is the floor")
	assert.Empty(t, listedOf(t, "chan 100 ring 50 ring-batch 10 ring-other 5 zenq 60"), "our own are no rivals")
	assert.Equal(t, []string{"Queue shape=1P1C: ring than mutex, 0.200x"}, listedOf(t, "ring 50 mutex 10"), "nobody else")
}

// In a queue the mutex is around a slice: a rival, and no floor.
func TestLossesToAQueueWithAMutex(t *testing.T) {
	assert.Equal(t, []string{"Queue shape=1P1C: ring than mutex, 0.200x", "Queue shape=1P1C: ring-batch than mutex-batch, 0.500x"},
		listedOf(t, "chan 100 ring 50 ring-batch 10 mutex 10 mutex-batch 5 zenq 60"))
}

func TestLossesOfBatches(t *testing.T) {
	assert.Equal(t, []string{"Queue shape=1P1C: ring-batch than disruptor-batch, 0.500x"},
		listedOf(t, "chan 100 ring 50 ring-batch 20 spsc 60 mutex-batch 30 disruptor-batch 10"), "batches with batches only")
	assert.Equal(t, []string{"Queue shape=1P1C: ring than spsc, 0.100x", "Queue shape=1P1C: ring-batch than chan, 0.500x"},
		listedOf(t, "chan 10 ring 10 ring-batch 20 spsc 1"), "with the base, for want of batches")
	assert.Equal(t, []string{"Queue shape=1P1C: sparkpipe than idiom-batch, 0.500x"},
		listedOf(t, "idiom 100 idiom-batch 10 sparkpipe 20 mutex 1"), "what has no -batch of its own is one itself")
}

// What is lost in every round comes first, and so does whom it is lost to.
func TestLossesInEveryRound(t *testing.T) {
	assert.Equal(t, []string{"Queue shape=1P1C: sparkpipe than a, 0.800x (0.700 to 0.900)"},
		listedOf(t, "a 80 b 50 sparkpipe 100", "a 90 b 120 sparkpipe 100", "a 70 b 60 sparkpipe 100"))
	assert.Equal(t, []string{"Queue shape=1P1C: pool than a, 0.900x (0.800 to 0.950)", "Queue shape=1P1C: ring than a, 0.200x (0.100 to 1.20)"},
		listedOf(t, "a 80 pool 100 ring 400", "a 90 pool 100 ring 900", "a 95 pool 100 ring 79.1666"))
	kinds := fixture(t, "2026-01-02.txt").losses().kinds()
	require.Len(t, kinds[0].losses, 1)
	assert.Equal(t, "Fairness", kinds[0].losses[0].bench)
	require.Len(t, kinds[1].losses, 1)
	assert.Equal(t, "Queue", kinds[1].losses[0].bench)
}

// The mutex around the state has a list of its own: where none of ours wins a round.
func TestLossesToTheFloor(t *testing.T) {
	var text strings.Builder
	for round, ns := range [][3]int{{10, 40, 50}, {20, 80, 40}} { // lost by both; by one, and by the other in one round
		fmt.Fprintf(&text, "round: %d\n", round+1)
		fmt.Fprintf(&text, "BenchmarkRequest/clients=1/impl=mutex 1 %d ns/op\n", ns[0])
		fmt.Fprintf(&text, "BenchmarkRequest/clients=1/impl=sparkpipe 1 %d ns/op\n", ns[1])
		fmt.Fprintf(&text, "BenchmarkRequest/clients=1/impl=sparkpipe-never 1 %d ns/op\n", ns[2])
		fmt.Fprintf(&text, "BenchmarkRequest/clients=8/impl=mutex 1 %d ns/op\n", 30*(round+1))
		fmt.Fprintf(&text, "BenchmarkRequest/clients=8/impl=sparkpipe 1 %d ns/op\n", 50)
		fmt.Fprintf(&text, "BenchmarkRequest/clients=8/impl=sparkpipe-never 1 900 ns/op\n")
		fmt.Fprintf(&text, "BenchmarkQueue/shape=1P1C/impl=mutex 1 10 ns/op\nBenchmarkQueue/shape=1P1C/impl=ring 1 20 ns/op\n")
	}
	f, err := read(strings.NewReader(text.String()), "some.txt")
	require.NoError(t, err)
	ls := f.toFloor()
	require.Len(t, ls, 1, "a queue has no floor, and with 8 clients a round is won")
	assert.Equal(t, "sparkpipe-never", ls[0].impl, "the best of ours: 0.2 and 0.5, and not 0.25 and 0.25")
	assert.Equal(t, "0.350x (0.200 to 0.500)", ls[0].ratioText())
	assert.Len(t, f.lists()[2].losses, 1)
}
