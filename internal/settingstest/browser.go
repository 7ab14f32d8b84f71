package settingstest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// Browser is somebody at the pages, with cookies as a browser keeps them.
type Browser struct {
	site   *Site
	client *http.Client
	t      testing.TB

	// Header is sent with every request.
	Header http.Header
}

// As is somebody who is signed in as one of People; empty: nobody.
func (s *Site) As(person string) *Browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &Browser{site: s, t: s.t, Header: http.Header{},
		client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if person != "" {
		b.Gets("/as/" + person)
	}
	return b
}

// Page is what came back.
type Page struct {
	Status   int
	Header   http.Header
	Body     string
	Location string // where a redirect leads
	URL      string
	*goquery.Document
	t testing.TB
}

// Gets asks for a path of the host and follows no redirect.
func (b *Browser) Gets(path string) *Page {
	b.t.Helper()
	return b.Sends(http.MethodGet, path, "", "")
}

// Opens asks for a path below /settings, follows redirects, and expects a page.
func (b *Browser) Opens(path string) *Page {
	b.t.Helper()
	p := b.follows(b.Gets("/settings" + path))
	if p.Status != http.StatusOK {
		b.t.Fatalf("opening %s gives %d:\n%s", path, p.Status, p.Text())
	}
	return p
}

// Posts sends a form to a path below /settings, as a page of this host would, and follows redirects. Names and values
// alternate.
func (b *Browser) Posts(path string, namesAndValues ...string) *Page {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		form.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return b.confirms(b.follows(b.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", form.Encode())))
}

// confirms goes on from the page that shows what a form would do, as somebody who wants it done. Who wants to look at that
// page sends the form with Sends.
func (b *Browser) confirms(p *Page) *Page {
	b.t.Helper()
	if p.Find("form[data-review]").Length() == 0 {
		return p
	}
	action, _ := p.Find("form[data-review]").Attr("action")
	return b.Submits(p, action, "confirm", "yes")
}

// Submits sends the form of a page that posts to an address ending with action, as it was rendered but for the fields
// that are given: names and values alternate.
func (b *Browser) Submits(p *Page, action string, namesAndValues ...string) *Page {
	b.t.Helper()
	return b.confirms(b.Tries(p, action, namesAndValues...))
}

// Tries is Submits up to the page that shows what the form would do.
func (b *Browser) Tries(p *Page, action string, namesAndValues ...string) *Page {
	b.t.Helper()
	form := p.Find(`form[method="post"]`).FilterFunction(func(_ int, f *goquery.Selection) bool {
		at, _ := f.Attr("action")
		if at == "" {
			at = p.URL
		}
		return strings.HasSuffix(strings.SplitN(at, "?", 2)[0], action)
	}).First()
	if form.Length() == 0 {
		b.t.Fatalf("the page has no form that posts to %s:\n%s", action, p.Text())
	}
	values := url.Values{}
	form.Find("input[name], textarea[name], select[name]").Each(func(_ int, f *goquery.Selection) {
		name, _ := f.Attr("name")
		kind, _ := f.Attr("type")
		value, _ := f.Attr("value")
		_, checked := f.Attr("checked")
		switch {
		case (kind == "checkbox" || kind == "radio") && !checked, kind == "submit":
			return
		case goquery.NodeName(f) == "textarea":
			value = strings.TrimPrefix(f.Text(), "\n")
		case goquery.NodeName(f) == "select":
			chosen := f.Find("option[selected]").First()
			if chosen.Length() == 0 {
				chosen = f.Find("option").First()
			}
			value, _ = chosen.Attr("value")
		}
		values.Add(name, value)
	})
	given := map[string]bool{}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if !given[namesAndValues[i]] {
			values.Del(namesAndValues[i])
			given[namesAndValues[i]] = true
		}
		values.Add(namesAndValues[i], namesAndValues[i+1])
	}
	at, _ := form.Attr("action")
	if at == "" {
		at = p.URL
	}
	return b.follows(b.Sends(http.MethodPost, at, "application/x-www-form-urlencoded", values.Encode()))
}

// Sends sends a request as a page of this host would, and follows no redirect.
func (b *Browser) Sends(method, path, contentType, body string) *Page {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.site.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != http.MethodGet {
		request.Header.Set("Origin", b.site.URL)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for name, values := range b.Header {
		request.Header[name] = values
		if len(values) == 0 {
			delete(request.Header, name)
		}
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	document, err := goquery.NewDocumentFromReader(strings.NewReader(string(text)))
	if err != nil {
		b.t.Fatal(err)
	}
	return &Page{Status: response.StatusCode, Header: response.Header, Body: string(text), Location: response.Header.Get("Location"),
		URL: request.URL.RequestURI(), Document: document, t: b.t}
}

func (b *Browser) follows(p *Page) *Page {
	b.t.Helper()
	for range 5 {
		if p.Status != http.StatusSeeOther && p.Status != http.StatusFound && p.Status != http.StatusMovedPermanently && p.Status != http.StatusTemporaryRedirect {
			return p
		}
		p = b.Gets(p.Location)
	}
	b.t.Fatalf("too many redirects, the last to %s", p.Location)
	return nil
}

// Is expects a status.
func (p *Page) Is(status int) *Page {
	p.t.Helper()
	if p.Status != status {
		p.t.Fatalf("%s gives %d, want %d:\n%s", p.URL, p.Status, status, p.Text())
	}
	return p
}

// Sees expects texts on the page, whatever the space between their words.
func (p *Page) Sees(texts ...string) *Page {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.Text(), text) {
			p.t.Errorf("%s does not say %q:\n%s", p.URL, text, p.Text())
		}
	}
	return p
}

// Lacks expects that texts are not on the page.
func (p *Page) Lacks(texts ...string) *Page {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.Text(), text) {
			p.t.Errorf("%s says %q:\n%s", p.URL, text, p.Text())
		}
	}
	return p
}

// Text is what the page says, with single spaces.
func (p *Page) Text() string { return strings.Join(strings.Fields(p.Find("body").Text()), " ") }
