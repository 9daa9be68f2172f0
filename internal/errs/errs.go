// Package errs makes the package-level errors of this module: prebuilt values
// that match more than one target, so that a refusal on a hot path allocates
// nothing. It also has Named, for errors that say which server or pool they come from.
package errs

import "fmt"

// New returns an error with the text msg that errors.Is matches with itself
// and with each of parents, and with whatever those match.
func New(msg string, parents ...error) error {
	return &sentinel{msg: msg, parents: parents}
}

type sentinel struct {
	msg     string
	parents []error
}

func (e *sentinel) Error() string   { return e.msg }
func (e *sentinel) Unwrap() []error { return e.parents }

// Named returns how an error begins that comes from the server or pool of that name:
// with the kind, and the name if there is one.
func Named(kind, name string) string {
	if name == "" {
		return kind
	}
	return fmt.Sprintf("%s %q", kind, name)
}
