package shell

import (
	"strings"
	"time"

	"github.com/toprent/flags/middleware"
)

// PreviewLink is a link that shows a variant or a draft in the browser of whoever opens it.
type PreviewLink struct {
	URL   string // the whole address, to be handed on
	Until time.Time
}

// Previews reports whether there is a site beside these pages that shows previews.
func (a *App) Previews() bool { return a.Preview != nil && a.Flags != nil }

// PreviewsIn reports whether that site serves the environment, so that a preview of it can be seen there.
func (a *App) PreviewsIn(environment string) bool {
	return a.Previews() && a.Flags.Environment() == environment
}

// PreviewLink makes a link, for an environment in which there are previews, that lasts so long. Who may ask for one is up
// to the page: an editor of that environment.
func (c *Context) PreviewLink(environment string, what middleware.Previewed, life time.Duration) (PreviewLink, error) {
	if !c.App.PreviewsIn(environment) {
		return PreviewLink{}, NotFound("There are no previews of %s beside these pages.", environment)
	}
	now := c.App.Flags.Now()
	until := now.Add(life).Truncate(time.Second)
	link, err := c.App.Preview.Link(environment, what, now, until)
	if err != nil {
		return PreviewLink{}, err
	}
	if strings.HasPrefix(link, "/") {
		link = c.origin() + link
	}
	return PreviewLink{link, until}, nil
}

// origin is the site as the reader reaches it.
func (c *Context) origin() string {
	if c.App.Secure || c.Request.TLS != nil {
		return "https://" + c.Request.Host
	}
	return "http://" + c.Request.Host
}
