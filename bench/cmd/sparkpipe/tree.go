package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What is read of a tree at most.
const (
	maxFile = 1 << 20   // bytes; larger files are skipped
	maxTree = 128 << 20 // bytes; files that would exceed it are skipped
)

// file is a file in memory.
type file struct {
	id   int // its place in tree.files
	text string
}

// tree is the input, the same for both sides.
type tree struct {
	dir     string
	files   []*file
	bytes   int
	skipped int // files that are too large, or no text

	// What a plain loop over the files finds, with no goroutines: the truth.
	truth   *index
	sum     string   // of truth
	words   []string // to look up, in a fixed order
	lookUps string   // checksum of the right answers
}

// goSource returns the directory of the Go installation's own source.
func goSource(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	root := strings.TrimSpace(string(out))
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil || root == "" {
		return "", fmt.Errorf("cannot find the Go installation (go env GOROOT: %v); say what to read with -dir", err)
	}
	return filepath.Join(root, "src"), nil
}

// readTree reads the text files below dir, and counts their words.
func readTree(ctx context.Context, dir string) (*tree, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the tree: %w", err)
	}
	if st, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("cannot read the tree: %w", err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("cannot read the tree: %s is not a directory", dir)
	}
	t := &tree{dir: dir, truth: newIndex()}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			return nil
		}
		return t.read(path, e)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the tree: %w", err)
	}
	c := newCounter()
	for _, f := range t.files {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("reading the tree: %w", ctx.Err())
		}
		t.truth.add(c.count(f.text))
	}
	if len(t.truth.words) == 0 {
		return nil, fmt.Errorf("no text files with words in %s", dir)
	}
	t.sum, t.words = t.truth.sum(), t.truth.sample()
	answers := make([]entry, len(t.words))
	for i, w := range t.words {
		answers[i] = t.truth.words[w]
	}
	t.lookUps = sumEntries(answers)
	return t, nil
}

// read adds one file, if it is text and not too large.
func (t *tree) read(path string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	if info.Size() > maxFile || t.bytes+int(info.Size()) > maxTree {
		t.skipped++
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(b)
	if strings.IndexByte(text[:min(len(text), 8000)], 0) >= 0 { // git's idea of a binary file
		t.skipped++
		return nil
	}
	t.files = append(t.files, &file{id: len(t.files), text: text})
	t.bytes += len(text)
	return nil
}

// tally is how often a word is in a file.
type tally struct {
	word string
	n    uint64
}

// counter counts the words of one text after the other. Its map is reused.
type counter struct{ seen map[string]uint64 }

func newCounter() *counter { return &counter{seen: make(map[string]uint64)} }

// count returns the distinct words of text: identifiers, as in Go but ASCII.
func (c *counter) count(text string) []tally {
	clear(c.seen)
	for i := 0; i < len(text); {
		from := i
		for i < len(text) && (letter(text[i]) || digit(text[i])) {
			i++
		}
		switch {
		case i == from:
			i++
		case !digit(text[from]): // 0x1F has no word in it
			c.seen[text[from:i]]++
		}
	}
	words := make([]tally, 0, len(c.seen))
	for w, n := range c.seen {
		words = append(words, tally{w, n})
	}
	return words
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
