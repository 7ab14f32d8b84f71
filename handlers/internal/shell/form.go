package shell

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Form is what somebody typed, and what is wrong with it. A form that is refused is shown again with both.
type Form struct {
	Values  url.Values
	Errors  map[string]string // by field
	Message string            // what concerns no single field
	Zone    *time.Location    // in which its times are shown and read
}

// NewForm is a form filled with what is there; names and values alternate.
func NewForm(namesAndValues ...string) *Form {
	f := &Form{Values: url.Values{}, Errors: map[string]string{}}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		f.Values.Set(namesAndValues[i], namesAndValues[i+1])
	}
	return f
}

// Form reads what was posted. Only the fields that a handler asks for by name mean anything.
func (c *Context) Form() (*Form, error) {
	err := c.Request.ParseForm() // first: ParseMultipartForm would hide what is wrong with a form of the other kind
	if err == nil {
		err = c.Request.ParseMultipartForm(1 << 20)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, Refused(http.StatusRequestEntityTooLarge, "This is too much at once", "At most "+sizeOf(large.Limit)+" can be sent. Send it in parts.")
		}
		return nil, Refused(http.StatusBadRequest, "This form cannot be read", "Go back and try again.")
	}
	return &Form{Values: c.Request.PostForm, Errors: map[string]string{}, Zone: ZoneOf(c.Request.PostForm, c.zone)}, nil
}

func sizeOf(bytes int64) string {
	if bytes < 1<<20 {
		return strconv.FormatInt(bytes>>10, 10) + " kB"
	}
	return strconv.FormatInt(bytes>>20, 10) + " MB"
}

// Get is a field, without the space around it.
func (f *Form) Get(name string) string { return strings.TrimSpace(f.Values.Get(name)) }

// All are all values of a field that is there several times, as they were typed.
func (f *Form) All(name string) []string { return f.Values[name] }

// On reports whether a checkbox is checked.
func (f *Form) On(name string) bool { return f.Values.Get(name) != "" }

// Set fills a field.
func (f *Form) Set(name, value string) { f.Values.Set(name, value) }

// Error is what is wrong with a field; empty if nothing.
func (f *Form) Error(name string) string { return f.Errors[name] }

// Refuse says what is wrong with a field. The first word on a field stands.
func (f *Form) Refuse(field, message string) {
	if _, already := f.Errors[field]; !already {
		f.Errors[field] = message
	}
}

// Require refuses fields that are empty.
func (f *Form) Require(message string, fields ...string) {
	for _, field := range fields {
		if f.Get(field) == "" {
			f.Refuse(field, message)
		}
	}
}

// OK reports whether nothing is wrong with the form.
func (f *Form) OK() bool { return len(f.Errors) == 0 && f.Message == "" }

// Refused takes over what package changes found wrong: each mistake beside the field that place names for it, or, where
// that is empty, above the form. It reports whether err was such a refusal; other errors are the caller's to return.
func (f *Form) Refused(err error, place func(ruleset.Problem) string) bool {
	var refused *changes.RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	for _, problem := range refused.Problems {
		field := place(problem.Problem)
		if field == "" {
			if f.Message != "" {
				f.Message += "\n"
			}
			f.Message += problem.Error()
			continue
		}
		f.Refuse(field, sentence(problem.Message))
	}
	return true
}

// sentence makes a message for people of one for programs: with a capital letter, unless it begins with a key, and a full
// stop.
func sentence(message string) string {
	first, _, _ := strings.Cut(message, " ")
	if first != "" && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" {
		message = strings.ToUpper(message[:1]) + message[1:]
	}
	if message != "" && !strings.ContainsAny(message[len(message)-1:], ".!?:") {
		message += "."
	}
	return message
}

// Unavailable takes it over that the database could not be reached, so that what was typed stays in the form. It reports
// whether that is what err says.
func (f *Form) Unavailable(err error) bool {
	if !errors.Is(err, changes.ErrUnavailable) && !models.Unavailable(err) {
		return false
	}
	f.Message = "The database cannot be reached, so nothing was changed. What you typed is still here: try again in a moment."
	return true
}

// Conflict reports whether somebody else has changed what the form is about in the meantime, and gives both versions.
func Conflict(err error) (*changes.ConflictError, bool) {
	var conflict *changes.ConflictError
	return conflict, errors.As(err, &conflict)
}
