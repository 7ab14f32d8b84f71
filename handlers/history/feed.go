package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/words"
)

// atomFeed is a feed by RFC 4287, with the links to further pages of RFC 5005.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID         string         `xml:"id"`
	Title      string         `xml:"title"`
	Updated    string         `xml:"updated"`
	Author     string         `xml:"author>name"`
	Categories []atomCategory `xml:"category"`
	Link       atomLink       `xml:"link"`
	Content    atomText       `xml:"content"`
}

type atomCategory struct {
	Scheme string `xml:"scheme,attr"`
	Term   string `xml:"term,attr"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (h *history) atom(c *shell.Context) error {
	p, err := h.find(c)
	if err != nil {
		return err
	}
	site := origin(c)
	feed := atomFeed{ID: urn("feed", site+p.Atom), Title: p.feedTitle(), Updated: time.Unix(0, 0).UTC().Format(time.RFC3339),
		Links: []atomLink{{"self", "application/atom+xml", site + c.Request.URL.RequestURI()}, {"alternate", "text/html", site + p.htmlAddress(c)}}}
	if p.Pager.Next != "" {
		feed.Links = append(feed.Links, atomLink{"next", "application/atom+xml", site + p.Pager.Next})
	}
	for i, e := range p.Entries {
		if i == 0 {
			feed.Updated = e.PublishedAt.UTC().Format(time.RFC3339Nano)
		}
		feed.Entries = append(feed.Entries, atomEntry{ID: e.urn(), Title: e.title(), Updated: e.PublishedAt.UTC().Format(time.RFC3339Nano), Author: e.Author,
			Categories: []atomCategory{{"environment", e.Environment}, {"kind", e.Kind}},
			Link:       atomLink{"alternate", "text/html", site + c.App.Link("changes", e.Environment, e.Number)},
			Content:    atomText{"text", e.text()}})
	}
	body, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		return fmt.Errorf("write the feed: %w", err)
	}
	send(c, "application/atom+xml; charset=utf-8", append([]byte(xml.Header), body...))
	return nil
}

// jsonFeed is a feed by the JSON Feed specification, version 1.1.
type jsonFeed struct {
	Version string     `json:"version"`
	Title   string     `json:"title"`
	Home    string     `json:"home_page_url"`
	Self    string     `json:"feed_url"`
	Next    string     `json:"next_url,omitempty"`
	Items   []jsonItem `json:"items"`
}

type jsonItem struct {
	ID        string       `json:"id"`
	URL       string       `json:"url"`
	Title     string       `json:"title"`
	Text      string       `json:"content_text"`
	Published time.Time    `json:"date_published"`
	Authors   []jsonAuthor `json:"authors"`
	Change    jsonChange   `json:"_change"` // for machines: an extension, as the specification names them
}

type jsonAuthor struct {
	Name string `json:"name"`
}

type jsonChange struct {
	Environment string   `json:"environment"`
	Revision    int64    `json:"revision"`
	Kind        string   `json:"kind"`
	Reason      string   `json:"reason"`
	Changes     []string `json:"changes"`
}

func (h *history) json(c *shell.Context) error {
	p, err := h.find(c)
	if err != nil {
		return err
	}
	site := origin(c)
	feed := jsonFeed{Version: "https://jsonfeed.org/version/1.1", Title: p.feedTitle(), Home: site + p.htmlAddress(c),
		Self: site + c.Request.URL.RequestURI(), Items: []jsonItem{}}
	if p.Pager.Next != "" {
		feed.Next = site + p.Pager.Next
	}
	for _, e := range p.Entries {
		lines := e.Lines
		if lines == nil {
			lines = []string{}
		}
		feed.Items = append(feed.Items, jsonItem{ID: e.urn(), URL: site + c.App.Link("changes", e.Environment, e.Number), Title: e.title(), Text: e.text(),
			Published: e.PublishedAt.UTC(), Authors: []jsonAuthor{{e.Author}},
			Change: jsonChange{e.Environment, e.Number, e.Kind, e.Reason, lines}})
	}
	body, err := json.Marshal(feed)
	if err != nil {
		return fmt.Errorf("write the feed: %w", err)
	}
	send(c, "application/feed+json; charset=utf-8", body)
	return nil
}

// send sends a feed, or only says that it is the one that the reader has already.
func send(c *shell.Context, kind string, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	c.Header("ETag", tag)
	for known := range strings.SplitSeq(c.GetHeader("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			c.Status(http.StatusNotModified)
			return
		}
	}
	c.Data(http.StatusOK, kind, body)
}

// origin is where the pages are, as the request names it.
func origin(c *shell.Context) string {
	scheme := "http"
	if c.App.Secure || c.Request.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.Request.Host
}

// htmlAddress is the page that says the same as the feed.
func (p page) htmlAddress(c *shell.Context) string {
	if p.In == "" {
		return c.App.Link("changes")
	}
	return c.App.Link("changes", p.In)
}

func (p page) feedTitle() string {
	if p.In == "" {
		return p.Product + ": changes of flags"
	}
	return p.Product + ": changes of flags in " + p.TitleOf(p.In)
}

func (e entry) title() string {
	return fmt.Sprintf("%s, revision %d: %s", e.Where, e.Number, words.Deed(e.Kind))
}

// text is the reason and what changed, in plain words.
func (e entry) text() string {
	lines := e.Lines
	if e.Reason != "" {
		lines = append([]string{e.Reason, ""}, lines...)
	}
	return strings.Join(lines, "\n")
}

// urn is the revision's name for all time: another database's revision of the same number has another.
func (e entry) urn() string {
	return urn("revision", fmt.Sprintf("%s %d %x", e.Environment, e.Number, e.Digest))
}

func urn(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(kind+" "+name)).URN()
}
