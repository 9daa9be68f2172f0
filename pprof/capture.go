package pprof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// ErrBusy says that somebody else in this process uses a profiler of which
// there is one: another Capture runs, or a CPU profile, or an execution trace.
var ErrBusy = errors.New("pprof: profiler busy")

// capturing is held by the Capture that runs. It belongs to the package because
// what it guards, the profilers and their rates, belongs to the process.
var capturing sync.Mutex

// The rates while a Capture runs. Every event would be exact, and too dear for a
// program under load.
const (
	mutexFraction = 5      // one contention in so many is recorded
	blockRate     = 10_000 // ns; one wait for so much time spent waiting
)

// The files of a Capture: what is recorded while it runs, and then snapshots,
// each a profile of runtime/pprof with .pprof behind its name.
var names = []string{
	"cpu.pprof", "trace.out",
	"heap.pprof", "allocs.pprof", "mutex.pprof", "block.pprof", "goroutine.pprof",
}

// Capture profiles the running program for d and writes what it saw to dir,
// which it creates if need be:
//
//   - cpu.pprof and trace.out, the execution trace, of the time d;
//   - mutex.pprof and block.pprof, who waited for whom: of this time, and of
//     earlier times at which the program recorded them;
//   - heap.pprof, allocs.pprof and goroutine.pprof, at the end of that time, after
//     a garbage collection.
//
// It blocks for d, which must be positive, and as long as writing takes. When
// ctx ends before, it writes what it has until then, whole, and returns ctx's
// error; a ctx that had ended before the call leaves dir alone. A nil ctx is a
// programming error and panics.
//
// A file gets its name once it is complete, and replaces that of an earlier
// Capture. One that could not be made is missing, earlier or not; the others are
// there, and the error names those that are missing, all of them. Files can be
// read by their owner only. A process that is killed meanwhile leaves files
// whose names begin with a dot.
//
// There is one Capture at a time in a process: a second one fails with ErrBusy
// at once. If only the CPU profiler or the tracer is in use by others, that
// file is missing and the error is ErrBusy, too.
//
// While it runs, mutex contention and waiting are recorded at rates that a busy
// service can bear: one contention in 5, unless the program has set a fraction
// of its own, and one wait for each 10 µs spent waiting. At the end the mutex
// fraction is what it was before. The block rate is 0: what it was cannot be
// read, and a program that has set one has to set it again.
func Capture(ctx context.Context, dir string, d time.Duration) error {
	switch {
	case ctx == nil:
		panic("pprof: nil Context")
	case dir == "":
		return errors.New("pprof: Capture: dir is empty")
	case d <= 0:
		return fmt.Errorf("pprof: Capture: duration %v is not positive", d)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if !capturing.TryLock() {
		return fmt.Errorf("%w: another Capture is running", ErrBusy)
	}
	defer capturing.Unlock()

	if err := os.MkdirAll(dir, 0o777); err != nil { // less the umask
		return fmt.Errorf("pprof: Capture: %w", err)
	}
	// All files now, so that it does not take d to show that dir cannot be
	// written to.
	files, err := create(dir, names)
	if err != nil {
		return fmt.Errorf("pprof: Capture: %w", err)
	}
	ended := record(ctx, d, files[0], files[1])
	runtime.GC() // the heap's profile is as old as the last collection
	for i, f := range files[2:] {
		name := strings.TrimSuffix(names[2+i], ".pprof")
		f.fail(pprof.Lookup(name).WriteTo(f, 0))
	}
	var failed error
	for _, f := range files {
		failed = errors.Join(failed, f.finish())
	}
	if failed == nil {
		return ended
	}
	return errors.Join(failed, ended)
}

// record profiles for d or until ctx ends, and returns ctx's error then. What
// it started has stopped when it returns, and has written all it will write.
func record(ctx context.Context, d time.Duration, cpu, exec *file) error {
	if runtime.SetMutexProfileFraction(-1) == 0 { // -1 reads it
		runtime.SetMutexProfileFraction(mutexFraction)
		defer runtime.SetMutexProfileFraction(0)
	}
	runtime.SetBlockProfileRate(blockRate)
	defer runtime.SetBlockProfileRate(0)

	if err := trace.Start(exec); err != nil {
		exec.fail(fmt.Errorf("%w: %w", ErrBusy, err))
	} else {
		defer trace.Stop()
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		cpu.fail(fmt.Errorf("%w: %w", ErrBusy, err))
	} else {
		defer pprof.StopCPUProfile()
	}
	return wait(ctx, d)
}

// wait waits for d, or until ctx ends, and returns ctx's error then.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
