package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// encode gives the JSON text of a column: the same text for the same content, so that texts can be compared; a nil
// slice is [].
func encode[T any](value []T) (string, error) {
	if len(value) == 0 {
		return "[]", nil
	}
	return encodeAny(value)
}

func encodeAny(value any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // values are stored as they were written
	if err := e.Encode(value); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// decode reads the JSON text of a column. It refuses fields that it does not know: a condition that is only half
// understood would match the wrong people.
func decode(column, text string, into any) error {
	if text == "[]" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("stored %s cannot be read: %w", column, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("stored %s cannot be read: something follows the JSON", column)
	}
	return nil
}
