package pprof

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Source is something whose numbers the page /debug/sparkpipe shows. The zero
// value is not one: both fields are needed.
type Source struct {
	// Name is its key on the page, and no other source's.
	Name string

	// Stats returns what to show, anything that encoding/json takes. It is
	// called for each view of the page, by several goroutines at once, and must
	// not block. If it panics, the page says so in its place.
	Stats func() any
}

// Stats returns the Source that shows what from.Stats returns: from may be a
// *server.Server, a *dispatcher.Dispatcher, a queue.Queue, a *pool.Pool, or
// whatever has such a method.
func Stats[S any](name string, from interface{ Stats() S }) Source {
	if from == nil {
		return Source{Name: name} // which NewHandler and Add refuse
	}
	return Source{Name: name, Stats: func() any { return from.Stats() }}
}

// Add adds a source, while the handler serves, too. The error names the source
// whose name is empty or taken, or which has no Stats; it was not added then.
func (h *Handler) Add(s Source) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s.Name == "":
		return errors.New("pprof: a source has an empty name")
	case s.Stats == nil:
		return fmt.Errorf("pprof: source %q has no Stats", s.Name)
	case h.index(s.Name) >= 0:
		return fmt.Errorf("pprof: source %q is there already", s.Name)
	}
	h.sources = append(h.sources, s)
	return nil
}

// Remove removes the source of that name, while the handler serves, too, and
// reports whether there was one. A view of the page that is under way may still
// call its Stats.
func (h *Handler) Remove(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.index(name)
	if i >= 0 {
		h.sources = slices.Delete(h.sources, i, i+1)
	}
	return i >= 0
}

// index returns the place of a source, or -1. The caller has h.mu.
func (h *Handler) index(name string) int {
	return slices.IndexFunc(h.sources, func(s Source) bool { return s.Name == name })
}

// stats makes the page /debug/sparkpipe: an object with a member for each
// source. No lock is held while the sources are asked.
func (h *Handler) stats() ([]byte, error) {
	h.mu.Lock()
	sources := slices.Clone(h.sources)
	h.mu.Unlock()
	page := make(map[string]json.RawMessage, len(sources))
	for _, s := range sources {
		page[s.Name] = s.member()
	}
	text, err := json.MarshalIndent(page, "", "  ")
	return append(text, '\n'), err
}

// member is what the page shows of the source: its answer, or why there is none.
func (s Source) member() json.RawMessage {
	text, failed := s.encode()
	if text == nil {
		// Of strings this cannot fail.
		text, _ = json.Marshal(map[string]string{"error": failed})
	}
	return text
}

// encode asks the source and encodes the answer, which may run code of the
// program as well, and so may the text of an error. If text is nil, failed says why.
func (s Source) encode() (text []byte, failed string) {
	defer func() {
		if v := recover(); v != nil {
			text, failed = nil, told(v)
		}
	}()
	text, err := json.Marshal(s.Stats())
	if err != nil {
		return nil, err.Error()
	}
	return text, ""
}

// told is the text of a panic. Package fmt recovers a panic of its value's Error or
// String, but not one whose own value panics so: that would end the program, as
// net/http prints it, too.
func told(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("panic with a %T", v)
		}
	}()
	return fmt.Sprintf("panic: %v", v)
}
