package middleware

import (
	"bytes"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/toprent/flags/service"
)

// formField is the name of the hidden field that carries a form's pin.
const formField = "_flags_pin"

// maxFormPeek is how much of a form is looked through for its pin, in bytes. Forms of files put theirs first.
const maxFormPeek = 64 << 10

// formLife is how old the revision of a form's pin can be: the page may have been under it for a pin's life already.
const formLife = service.FormPinLife + PinLife

// signer signs the pins of forms, with the time at which the form was rendered.
type signer struct{ codecs []securecookie.Codec }

func (s signer) sign(p pin, now time.Time) (string, error) {
	return securecookie.EncodeMulti(formField, strconv.FormatInt(now.Unix(), 36)+"~"+p.encode(), s.codecs...)
}

// open gives the pin of a form that was rendered in the last 30 minutes.
func (s signer) open(value string, now time.Time) (pin, bool) {
	var text string
	if value == "" || len(value) > maxCookie || securecookie.DecodeMulti(formField, value, &text, s.codecs...) != nil {
		return pin{}, false
	}
	rendered, rest, _ := strings.Cut(text, "~")
	seconds, err := strconv.ParseInt(rendered, 36, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)) >= service.FormPinLife {
		return pin{}, false
	}
	return decodePin(rest)
}

// Pin is a hidden field that keeps a form on the page's revision: its POST is decided by the same rules for 30
// minutes, so that nobody's typing ends in a 404 because a pin turned meanwhile. Kills and plans apply all the same.
// In a multipart form it belongs before the files.
func (f Flags) Pin() template.HTML {
	if f.request == nil || f.request.view.IsZero() {
		return ""
	}
	token, err := f.request.middleware.forms.sign(f.request.pinned, f.request.middleware.Flags.Now())
	if err != nil {
		f.request.middleware.log.Error("flags: the form's pin could not be signed", "error", err)
		return ""
	}
	return template.HTML(`<input type="hidden" name="` + formField + `" value="` + token + `">`)
}

// formPin reads the pin that a posted form carries. The body is left as it was.
func (m *middleware) formPin(r *http.Request) (pin, bool) {
	if r.Body == nil || r.Body == http.NoBody || isRead(r) {
		return pin{}, false
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" {
		return pin{}, false
	}
	head := peek(r)
	if !bytes.Contains(head, []byte(formField)) {
		return pin{}, false
	}
	field := urlencodedField
	if kind == "multipart/form-data" {
		field = func(body []byte) string { return multipartField(body, parameters["boundary"]) }
	}
	return m.forms.open(field(head), m.Flags.Now())
}

// peek reads the beginning of the body and puts it back.
func peek(r *http.Request) []byte {
	head, err := io.ReadAll(io.LimitReader(r.Body, maxFormPeek))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failing{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), r.Body}
	return head
}

// failing hands the handler the error that it would have met itself.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func urlencodedField(body []byte) string {
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == formField {
			text, _ := url.QueryUnescape(value)
			return text
		}
	}
	return ""
}

func multipartField(body []byte, boundary string) string {
	if boundary == "" {
		return ""
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err != nil {
			return ""
		}
		if part.FormName() == formField && part.FileName() == "" {
			text, _ := io.ReadAll(io.LimitReader(part, maxCookie))
			return string(text)
		}
	}
}
