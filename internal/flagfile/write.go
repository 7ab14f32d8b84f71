package flagfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/toprent/flags/changes"
)

// Write writes a document as YAML in its canonical form: the same document always gives the same bytes. What is the
// same in all environments stands once, and what Read gives back by itself (an entry of a flag that is off in an
// environment, say) is left out. A document that cannot be read back is refused: one with a malformed flag.
func Write(w io.Writer, d changes.Document) error {
	return write(w, d, yamlBytes)
}

// WriteJSON writes the same as Write as JSON.
func WriteJSON(w io.Writer, d changes.Document) error {
	return write(w, d, jsonBytes)
}

func write(w io.Writer, d changes.Document, format func(*node) []byte) error {
	if err := writable(d); err != nil {
		return fmt.Errorf("write flags file: %w", err)
	}
	root, err := encode(d)
	if err != nil {
		return fmt.Errorf("write flags file: %w", err)
	}
	if _, err := w.Write(format(root)); err != nil {
		return fmt.Errorf("write flags file: %w", err)
	}
	return nil
}

// writable refuses flags that could not be written whole: the file would make something else of them.
func writable(d changes.Document) error {
	var errs []error
	known := map[string]bool{}
	for _, f := range d.Flags {
		known[f.Key] = true
	}
	for _, e := range d.Environments {
		for _, f := range e.Definition.Flags {
			if !known[f.Key] {
				errs = append(errs, fmt.Errorf("flag %q is set in %s, but has no global part", f.Key, e.Name))
			}
			if f.Malformed != "" {
				errs = append(errs, fmt.Errorf("flag %q in %s is malformed (%s): mend it first", f.Key, e.Name, f.Malformed))
			}
		}
	}
	return errors.Join(errs...)
}
