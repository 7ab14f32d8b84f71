package middleware_test

import (
	"bytes"
	"errors"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

const pinField = "_flags_pin"

var tokenPattern = regexp.MustCompile(`<input type="hidden" name="` + pinField + `" value="([^"]*)">`)

// takesForm opens a page with a form and gives its token.
func (v *visitor) takesForm() string {
	v.Helper()
	found := tokenPattern.FindStringSubmatch(v.opens("/form").body)
	if found == nil {
		v.Fatal("the form has no pin")
	}
	return html.UnescapeString(found[1])
}

// postForm sends a form of two fields in either encoding.
func (v *visitor) postForm(encoding, token string) *answer {
	v.Helper()
	if encoding == "multipart" {
		kind, body := upload(v.TB, token, strings.Repeat("x", 200_000))
		return v.sends("/", kind, body)
	}
	return v.sends("/", "application/x-www-form-urlencoded", reader(url.Values{"title": {"Flat & garden"}, pinField: {token}}.Encode()))
}

func upload(t testing.TB, token, file string) (contentType string, body io.Reader) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	err := w.WriteField("title", "Flat")
	if token != "" {
		err = errors.Join(err, w.WriteField(pinField, token))
	}
	part, err2 := w.CreateFormFile("photo", "flat.jpg")
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	_, err = part.Write([]byte(file))
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), &b
}

func TestAFormKeepsThePagesRulesForHalfAnHour(t *testing.T) {
	for _, encoding := range []string{"urlencoded", "multipart"} {
		t.Run(encoding, func(t *testing.T) {
			eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
				s := newSite(t, flagtest.Definition(t, "form", true, "other", true), jar)
				ann := s.visit()
				ann.opens("/")
				s.later(middleware.PinLife - time.Second) // the page comes late in its pin's life
				token := ann.takesForm()
				s.change("form", turnOff)

				s.later(30*time.Minute - time.Second)
				s.refresh()
				ann.opens("/").sets("pin").sees("form", false)
				ann.postForm(encoding, token).is(200).sets().sees("form", true)
				ann.postForm(encoding, "").sees("form", false)

				s.change("other", kill)
				ann.postForm(encoding, token).sees("form", true, "other", false)
				s.later(time.Second)
				ann.postForm(encoding, token).is(200).sees("form", false)
			})
		})
	}
}

func TestAFormDoesNotBeatThePlan(t *testing.T) {
	s := newSite(t, premium(t))
	ann := s.visit("Plan", "pro")
	token := ann.takesForm()
	ann.headers["Plan"] = "free"
	ann.postForm("urlencoded", token).sees("reports", false)
}

func TestARecalledFormGetsTheSessionsRules(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	token := ann.takesForm()
	s.source.Publish(flagtest.Definition(t, "a", false))
	s.source.Recall()
	s.refresh()
	ann.opens("/").sets("pin").sees("a", false)
	s.change("a", turnOn)
	ann.postForm("urlencoded", token).sees("a", false)
}

func TestAForgedFormIsASessionsOrdinaryRequest(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	token := ann.takesForm()
	foreign := s.again(func(c *middleware.Config) { c.FormKey = []byte("another key, of somebody else's!!") }).visit().takesForm()
	s.change("a", turnOff)
	s.later(middleware.PinLife)
	for name, forged := range map[string]string{
		"empty": "", "corrupt": token[:len(token)-4] + "AAAA", "cut": token[:20], "foreign": foreign, "long": token + strings.Repeat("A", 9000),
		"the session's own": ann.cookies["flags-pin"],
	} {
		t.Run(name, func(t *testing.T) {
			a := ann.postForm("urlencoded", forged).is(200).sets()
			if a.values()["a"] != false {
				t.Error("it has the old rules")
			}
		})
	}
	ann.postForm("urlencoded", token).sees("a", true)
}

func TestAHandlerFindsTheBodyAsItCame(t *testing.T) {
	broken := errors.New("the client is gone")
	for name, c := range map[string]struct {
		kind, head string
		err        error
	}{
		"a form":                         {kind: "application/x-www-form-urlencoded", head: "a=1&" + pinField + "=x&b=2"},
		"a form without a pin":           {kind: "application/x-www-form-urlencoded", head: "a=1"},
		"a large form":                   {kind: "application/x-www-form-urlencoded", head: "a=" + strings.Repeat("x", 300_000)},
		"exactly as much as is read":     {kind: "application/x-www-form-urlencoded", head: strings.Repeat("x", 64<<10)},
		"nothing":                        {kind: "application/x-www-form-urlencoded"},
		"a form that breaks off":         {kind: "application/x-www-form-urlencoded", head: "a=1", err: broken},
		"a large form that breaks off":   {kind: "application/x-www-form-urlencoded", head: strings.Repeat("x", 70_000), err: broken},
		"a multipart form":               {kind: "multipart/form-data; boundary=b", head: "--b\r\nContent-Disposition: form-data; name=\"" + pinField + "\"\r\n\r\nx\r\n--b--\r\n"},
		"an upload that breaks off":      {kind: "multipart/form-data; boundary=b", head: "--b\r\nContent-Disposition: form-data; na", err: broken},
		"no multipart form":              {kind: "multipart/form-data; boundary=b", head: strings.Repeat("x", 70_000)},
		"a multipart form, no boundary":  {kind: "multipart/form-data", head: "xyz"},
		"a content type that is nothing": {kind: ";;", head: "xyz"},
		"JSON":                           {kind: "application/json", head: `{"` + pinField + `": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, flagtest.Definition(t, "a", true))
			var got []byte
			var err error
			closed := &closes{Reader: strings.NewReader(c.head)}
			if c.err != nil {
				closed.Reader = io.MultiReader(closed.Reader, &failsOnce{c.err})
			}
			s.POST("/read", func(g *gin.Context) {
				got, err = io.ReadAll(g.Request.Body)
				err = errors.Join(err, g.Request.Body.Close())
			})
			s.visit().sends("/read", c.kind, closed).is(200)
			if string(got) != c.head || !errors.Is(err, c.err) || !closed.done {
				t.Errorf("%d bytes and %v, want %d and %v; closed: %v", len(got), err, len(c.head), c.err, closed.done)
			}
		})
	}
}

// failsOnce is a connection that says only once why it broke.
type failsOnce struct{ err error }

func (f *failsOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

// closes notes that it was closed.
type closes struct {
	io.Reader
	done bool
}

func (c *closes) Close() error {
	c.done = true
	return nil
}

func TestAFileIsReadAsItArrives(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	pinned := ann.takesForm()
	s.change("a", turnOff)
	s.later(middleware.PinLife)
	const file = "the first half, the second half"
	var begun chan struct{}
	s.POST("/upload/:pinned", func(c *gin.Context) {
		close(begun) // with half of the file still to come
		if got := middleware.On(c, "a"); got != (c.Param("pinned") == "true") {
			t.Errorf("a is %v", got)
		}
		photo, err := c.FormFile("photo")
		if err != nil || photo.Size != int64(len(file)) || c.PostForm("title") != "Flat" {
			t.Errorf("the file is %v, %v", photo, err)
		}
	})
	for path, token := range map[string]string{"/upload/true": pinned, "/upload/false": ""} {
		kind, whole := upload(t, token, file)
		text, _ := io.ReadAll(whole)
		half := bytes.Index(text, []byte(file)) + len(file)/2
		begun = make(chan struct{})
		body, client := io.Pipe()
		go func() {
			_, _ = client.Write(text[:half])
			select {
			case <-begun:
			case <-time.After(time.Minute):
				_ = client.CloseWithError(errors.New("the handler waits for the whole file"))
			}
			_, _ = client.Write(text[half:])
			_ = client.Close()
		}()
		ann.sends(path, kind, body).is(http.StatusOK)
	}
}

func TestWithoutRulesAFormHasNoPin(t *testing.T) {
	if pin := (middleware.Flags{}).Pin(); pin != "" {
		t.Errorf("the zero Flags have the pin %q", pin)
	}
	s := newSite(t, ruleset.Definition{})
	if s.visit().takesForm() == "" {
		t.Error("an environment without flags has rules too: revision 1")
	}
}
