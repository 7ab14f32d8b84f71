package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Preview lets people look at a variant or at a draft in their own browser, by a signed link that expires. A preview never
// beats a kill or a plan, and never reaches anybody else: it lives in a cookie that counts in the one browser that started
// it, pages under it have a banner that says so, and nothing of them is kept by a cache.
//
// The same Preview is given to the middleware and to whoever makes links, such as the settings pages.
type Preview struct {
	// Key signs links: at least 16 bytes, better 32, of randomness, the same on all instances. Links and cookies are signed
	// with keys derived from it, so it may be that of something else. Required.
	Key []byte

	// URL is where the site is reached from outside, such as https://www.toprent.example. Links begin with it, and work on
	// no other site. Without it they are paths, and work on every site with this key that serves their environment.
	URL string

	// Path is where links lead, and where previews begin and end; defaults to /feature-values/preview. Used on the engine,
	// the middleware answers there by itself. In a group, register ServePreview there, for GET and for POST.
	Path string

	// Drafts finds the drafts that links show. settings.New puts its change requests here, if nothing else is. Without it,
	// links show variants. Set it before the first request.
	Drafts DraftSource
}

// DraftSource finds drafts.
type DraftSource interface {
	// Draft gives the draft of a change request, compiled over the newest revision of its environment, or ErrNoDraft. It is
	// asked by requests under a preview alone, at most every few seconds for each draft; ctx is done after two seconds.
	Draft(ctx context.Context, id int64) (*ruleset.Revision, error)
}

// ErrNoDraft says that a draft is not there, or no longer.
var ErrNoDraft = errors.New("there is no such draft")

// Previewed is what a preview shows: variants of flags by key, or a draft by the id of its change request.
type Previewed struct {
	Variants map[string]string
	Draft    int64
}

// MaxPreview is how long a preview can last.
const MaxPreview = 7 * 24 * time.Hour

// maxPreviewed is how many flags a link can name: it has to fit into a cookie.
const maxPreviewed = 10

// Link makes a link that shows something in an environment until then. It is an address, or without Preview.URL a path.
// The site's next page after it is its home.
func (p *Preview) Link(environment string, what Previewed, now, until time.Time) (string, error) {
	switch {
	case (what.Draft > 0) == (len(what.Variants) > 0):
		return "", errors.New("make a preview's link: it shows either variants or a draft")
	case len(what.Variants) > maxPreviewed:
		return "", fmt.Errorf("make a preview's link: it shows %d flags: at most %d are possible", len(what.Variants), maxPreviewed)
	case !until.After(now) || until.Sub(now) > MaxPreview:
		return "", fmt.Errorf("make a preview's link: it lasts %s: at most %s are possible", until.Sub(now), MaxPreview)
	}
	complete, err := p.complete()
	if err != nil {
		return "", fmt.Errorf("make a preview's link: %w", err)
	}
	token := complete.seal(linkSeal, ticket{Environment: environment, Until: until.Unix(), Variants: what.Variants, Draft: what.Draft}, "")
	return complete.URL + complete.Path + "?" + url.Values{"token": {token}}.Encode(), nil
}

// complete fills in the defaults and refuses what cannot work.
func (p *Preview) complete() (*Preview, error) {
	c := *p
	c.URL = strings.TrimRight(c.URL, "/")
	c.Path = orDefault(c.Path, "/feature-values/preview")
	switch {
	case len(c.Key) < 16:
		return nil, fmt.Errorf("Preview.Key has %d bytes: give it 32 random ones", len(c.Key))
	case !isLocal(c.Path) || strings.ContainsAny(c.Path, "?#"):
		return nil, fmt.Errorf("Preview.Path is %q: it must be a path that begins with a slash", c.Path)
	}
	return &c, nil
}

// isLocal reports whether an address is a path on this host, whatever a browser makes of it.
func isLocal(address string) bool {
	if len(address) > 2048 || !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") ||
		strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}
