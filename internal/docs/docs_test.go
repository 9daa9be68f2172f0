// Package docs has no code of its own: its tests hold the Go code in README.md
// and docs/ to code that compiles and runs.
package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestCodeBlocks finds each Go block of the documents, line by line, in a Go
// file of this repository that is built or run by its tests: a program, or the
// body of an Example.
func TestCodeBlocks(t *testing.T) {
	sources := goFiles(t)
	blocks := 0
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, m := range goBlock.FindAllStringSubmatch(string(text), -1) {
			blocks++
			want := normal(m[1])
			found := false
			for _, src := range sources {
				if strings.Contains(src, want) {
					found = true
					break
				}
			}
			require.True(t, found, "%s: this block is in no Go file:\n%s", doc, m[1])
		}
	}
	require.Positive(t, blocks)
}

// normal drops indentation and empty lines.
func normal(code string) string {
	var b strings.Builder
	for _, line := range strings.Split(code, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func documents(t *testing.T) []string {
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	for _, name := range []string{"README.md", "DESIGN.md", "RELIABILITY.md", "SECURITY.md"} {
		docs = append(docs, filepath.Join(root, name))
	}
	return docs
}

func goFiles(t *testing.T) []string {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		files = append(files, normal(string(text)))
		return err
	})
	require.NoError(t, err)
	return files
}

// TestLinks finds the files that the documents link to.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	code := regexp.MustCompile("`[^`]*`")
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1]))
			require.NoError(t, err, "%s links to %s", doc, m[1])
		}
	}
}

// TestNamedTests finds each test that a document names.
func TestNamedTests(t *testing.T) {
	code := strings.Join(goFiles(t), "\n")
	named := 0
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*`).FindAllString(string(text), -1) {
			named++
			require.Contains(t, code, "func "+name+"(", "%s names a test that is nowhere", doc)
		}
	}
	require.Greater(t, named, 100)
}

func TestQuickstart(t *testing.T) {
	out, err := exec.Command("go", "run", "./quickstart").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "100 <nil>\n<nil>\n110 <nil>\n<nil>\n", string(out))
}
