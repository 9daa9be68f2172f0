package output

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, Writable(file))
	require.NoFileExists(t, file)

	require.NoError(t, os.WriteFile(file, []byte("a record"), 0o600))
	require.NoError(t, Writable(file))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "a record", string(b))

	require.NoError(t, Writable(os.DevNull))
	require.Error(t, Writable(dir))
	require.ErrorIs(t, Writable(filepath.Join(dir, "missing", "file")), os.ErrNotExist)
	require.NoDirExists(t, filepath.Join(dir, "missing"))
}
