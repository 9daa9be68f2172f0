package pprof

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A failed write, which the profilers do not report, does not leave half a file.
func TestFileFails(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "a")
	require.NoError(t, os.WriteFile(old, []byte("old"), 0o600))
	files, err := create(dir, []string{"a", "b"})
	require.NoError(t, err)
	a, b := files[0], files[1]
	require.FileExists(t, old, "until the new one is complete")

	_, err = b.Write([]byte("whole"))
	require.NoError(t, err)
	require.NoError(t, b.finish())

	_, err = a.Write([]byte("half"))
	require.NoError(t, err)
	a.temp.Close() // as good as a full disk
	_, err = a.Write([]byte("the rest"))
	require.Error(t, err)
	a.fail(errors.New("a later error"))
	err = a.finish()
	require.ErrorIs(t, err, fs.ErrClosed)
	require.ErrorContains(t, err, "pprof: a: ")
	require.NotContains(t, err.Error(), "later")

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	whole, err := os.ReadFile(filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.Equal(t, "whole", string(whole))
}

func TestCreateAllOrNone(t *testing.T) {
	dir := t.TempDir()
	_, err := create(dir, []string{"a", "no/name"})
	require.Error(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
