// Package output has what commands need that measure for long and then write files.
package output

import (
	"errors"
	"os"
)

// Writable returns the error that writing to a file would meet, so that a command can
// tell before it has measured anything. The file is as it was, and so not there if it
// was not.
func Writable(name string) error {
	_, missing := os.Stat(name)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = f.Close()
	if missing != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
