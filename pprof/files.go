package pprof

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// file is one that gets its name when it is complete. Like a bufio.Writer it
// remembers its first error: the profilers ignore what Write returns.
type file struct {
	path string // its name to be
	temp *os.File

	mu  sync.Mutex // the tracer and the CPU profiler write on goroutines of their own
	err error
}

// create makes files to be called names in dir, all or none.
func create(dir string, names []string) ([]*file, error) {
	var files []*file
	for _, name := range names {
		temp, err := os.CreateTemp(dir, "."+name+".*")
		if err != nil {
			for _, f := range files {
				f.discard()
			}
			return nil, err
		}
		files = append(files, &file{path: filepath.Join(dir, name), temp: temp})
	}
	return files, nil
}

// Write writes to the file, and goes on after an error.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.temp.Write(p)
	f.fail(err)
	return n, err
}

// fail has finish fail with err, unless it is nil or not the first.
func (f *file) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// finish gives the file its name. If something failed, neither this file is left
// nor an older one of its name.
func (f *file) finish() error {
	f.fail(f.temp.Close())
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err == nil {
		return nil
	}
	f.discard()
	err = fmt.Errorf("pprof: %s: %w", filepath.Base(f.path), err)
	if old := os.Remove(f.path); old != nil && !errors.Is(old, fs.ErrNotExist) {
		err = errors.Join(err, old)
	}
	return err
}

// discard removes what was written.
func (f *file) discard() {
	f.temp.Close()
	os.Remove(f.temp.Name())
}
