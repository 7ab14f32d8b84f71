package middleware

import (
	"bytes"
	"fmt"
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

// maxFormPeek is how much of a form is looked through for its pin, in bytes.
const maxFormPeek = 64 << 10

// formLife is how old the revision of a form's pin can be: the page may have been under it for a pin's life already.
const formLife = service.FormPinLife + PinLife

// signer signs the pins of forms, with the time at which the form was rendered.
type signer struct{ codecs []securecookie.Codec }

// newSigner refuses keys that cannot sign, such as empty ones.
func newSigner(name string, codecs []securecookie.Codec) (signer, error) {
	s := signer{codecs}
	if _, err := s.sign(pin{}, time.Time{}); err != nil {
		return s, fmt.Errorf("nothing can be signed with %s: %w", name, err)
	}
	return s, nil
}

func (s signer) sign(p pin, now time.Time) (string, error) {
	return securecookie.EncodeMulti(formField, strconv.FormatInt(now.Unix(), 36)+"~"+p.encode(), s.codecs...)
}

// open gives the pin of a form that was rendered in the last 30 minutes.
func (s signer) open(value string, now time.Time) (pin, bool) {
	rendered, rest, _ := strings.Cut(open(s.codecs, formField, value), "~")
	seconds, err := strconv.ParseInt(rendered, 36, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)) >= service.FormPinLife {
		return pin{}, false
	}
	return decodePin(rest)
}

// Pin is a hidden field that keeps a form on the page's revision: its POST is decided by the same rules for 30
// minutes, so that nobody's typing ends in a 404 because a pin turned meanwhile. Kills apply all the same, and the
// person's plan and add-ons of that moment.
// In a multipart form it belongs before the files. In responses that caches hand to many people it is empty.
func (f Flags) Pin() template.HTML {
	if f.request == nil || f.request.view.IsZero() || shared(f.request.context.Writer.Header()) {
		return ""
	}
	token, err := f.request.middleware.forms.sign(f.request.pinned, f.request.middleware.Flags.Now())
	if err != nil {
		f.request.middleware.log.Error("flags: the form's pin could not be signed", "error", err)
		return ""
	}
	return template.HTML(`<input type="hidden" name="` + formField + `" value="` + token + `">`)
}

// formPin reads the pin that a posted form carries. The handler finds the body as it came, and as soon as it comes: no
// more of it is read than is needed to find the pin.
func (m *middleware) formPin(r *http.Request, now time.Time) (pin, bool) {
	if r.Body == nil || r.Body == http.NoBody || isRead(r) || r.Header.Get("Expect") != "" {
		return pin{}, false // reading what is expected to be asked for would ask for it
	}
	kind, parameters, err := mime.ParseMediaType(firstValue(r.Header, "Content-Type"))
	if err != nil {
		return pin{}, false
	}
	var token string
	switch body := (&beginning{body: r.Body}); kind {
	case "application/x-www-form-urlencoded":
		token = urlencodedField(body)
		r.Body = body.putBack()
	case "multipart/form-data":
		token = multipartField(body, parameters["boundary"])
		r.Body = body.putBack()
	}
	return m.forms.open(token, now)
}

// beginning reads the first maxFormPeek bytes of a body and keeps them.
type beginning struct {
	body io.ReadCloser
	kept []byte
	err  error
}

func (b *beginning) Read(p []byte) (int, error) {
	p = p[:min(len(p), maxFormPeek-len(b.kept))]
	if len(p) == 0 || b.err != nil {
		return 0, io.EOF
	}
	n, err := b.body.Read(p)
	b.kept, b.err = append(b.kept, p[:n]...), err
	return n, err
}

// putBack gives the body as if nothing had been read, the error included that ended it.
func (b *beginning) putBack() io.ReadCloser {
	rest := io.Reader(b.body)
	if b.err != nil {
		rest = failing{b.err}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(b.kept), rest), b.body}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func urlencodedField(body io.Reader) string {
	text, _ := io.ReadAll(body) // whatever has come may have the field
	for pair := range bytes.SplitSeq(text, []byte("&")) {
		if value, ok := bytes.CutPrefix(pair, []byte(formField+"=")); ok {
			token, _ := url.QueryUnescape(string(value))
			return token
		}
	}
	return ""
}

// multipartField looks through the fields before the first file.
func multipartField(body io.Reader, boundary string) string {
	if boundary == "" {
		return ""
	}
	reader := multipart.NewReader(body, boundary)
	for {
		part, err := reader.NextPart()
		switch {
		case err != nil || part.FileName() != "":
			return ""
		case part.FormName() == formField:
			token, _ := io.ReadAll(io.LimitReader(part, maxCookie))
			return string(token)
		}
	}
}
