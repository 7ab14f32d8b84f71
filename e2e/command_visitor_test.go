package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// guest is a browser without scripts: it keeps cookies and reads what pages say.
type guest struct {
	t      *testing.T
	site   string
	client *http.Client
}

// guest opens a browser of its own.
func (s *site) guest() *guest { return newGuest(s.t, s.url) }

// secureGuest believes to speak https, as behind a proxy that ends it: browsers send Secure cookies nowhere else.
func (s *site) secureGuest() *guest {
	g := newGuest(s.t, strings.Replace(s.url, "http://", "https://", 1))
	g.client.Transport = &http.Transport{DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	return g
}

func newGuest(t *testing.T, url string) *guest {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t: t, site: url, client: &http.Client{Jar: jar, Timeout: patience}}
}

// opens opens a page, which must be there and agree with itself.
func (g *guest) opens(path string) shown {
	g.t.Helper()
	p, err := g.tries(path)
	if err == nil && p.status != http.StatusOK {
		err = fmt.Errorf("status %d:\n%s", p.status, p.body)
	}
	if err != nil {
		g.t.Fatalf("%s: %v", path, err)
	}
	return p
}

// tries opens a page; a page that contradicts itself is an error.
func (g *guest) tries(path string) (shown, error) {
	request, err := http.NewRequest(http.MethodGet, g.site+path, nil)
	if err != nil {
		return shown{}, err
	}
	return g.sends(request)
}

// posts sends a form and follows where it leads.
func (g *guest) posts(path string, form url.Values) shown {
	g.t.Helper()
	request, err := http.NewRequest(http.MethodPost, g.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	p, err := g.sends(request)
	if err != nil {
		g.t.Fatal(err)
	}
	return p
}

// signsIn becomes one of the sample's people.
func (g *guest) signsIn(person string) *guest {
	g.t.Helper()
	if p := g.posts("/person", url.Values{"person": {person}}); p.status != http.StatusOK {
		g.t.Fatalf("sign in: status %d:\n%s", p.status, p.body)
	}
	return g
}

func (g *guest) sends(request *http.Request) (shown, error) {
	request.Header.Set("Sec-Fetch-Dest", "document")
	begun := time.Now()
	response, err := g.client.Do(request)
	if err != nil {
		return shown{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return shown{}, err
	}
	p := shown{status: response.StatusCode, header: response.Header, body: string(body), took: time.Since(begun)}
	return p, p.read(body)
}

var errInconsistent = errors.New("the page contradicts itself")

// shown is a page as somebody got it.
type shown struct {
	status int
	header http.Header
	body   string
	took   time.Duration

	block   map[string]string // what the browser has, by key, in JSON
	server  map[string]string // what the server rendered with, by key, in JSON
	reasons map[string]string // why, by key
}

// read takes the values from the block and from the table at the foot of the page, and compares them.
func (p *shown) read(body []byte) error {
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return err
	}
	p.server, p.reasons = map[string]string{}, map[string]string{}
	visible := map[string]string{}
	for node := range root.Descendants() {
		switch {
		case node.Data == "script" && attribute(node, "id") == "feature-values":
			if err := p.readBlock(node.FirstChild.Data); err != nil {
				return err
			}
		case node.Data == "tr" && attribute(node, "data-key") != "":
			key, cells := attribute(node, "data-key"), cellsOf(node)
			p.server[key], p.reasons[key] = cells[1], strings.Fields(cells[3])[0]
			if hasAttribute(node, "data-visible") {
				visible[key] = cells[1]
			}
		}
	}
	if !maps.Equal(visible, p.block) {
		return fmt.Errorf("%w: the server rendered with %v, the browser has %v", errInconsistent, visible, p.block)
	}
	return nil
}

func (p *shown) readBlock(text string) error {
	var block struct{ Values map[string]any }
	if err := json.Unmarshal([]byte(text), &block); err != nil {
		return fmt.Errorf("the block: %w", err)
	}
	p.block = map[string]string{}
	for key, value := range block.Values {
		p.block[key] = string(encoded(value))
	}
	return nil
}

func cellsOf(row *html.Node) (cells []string) {
	for cell := range row.ChildNodes() {
		if cell.Type == html.ElementNode {
			var text strings.Builder
			for node := range cell.Descendants() {
				if node.Type == html.TextNode {
					text.WriteString(node.Data)
				}
			}
			cells = append(cells, text.String())
		}
	}
	return cells
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(node *html.Node, name string) bool {
	for _, a := range node.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// wants fails unless the page was rendered with that value, in JSON.
func (p shown) wants(t *testing.T, key, value string) {
	t.Helper()
	if p.server[key] != value {
		t.Errorf("%s is %s (%s), want %s", key, p.server[key], p.reasons[key], value)
	}
}
