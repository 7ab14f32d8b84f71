// Package views renders pages. A page is a typed struct and a template of its own within a layout; it is rendered into
// a buffer and then sent, so that a mistake in a template is an error page and never half a page.
package views

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// Pages are the templates of one site.
type Pages struct{ byName map[string]*template.Template }

// Parse reads a layout and, beside it, one template for each page: pages/home.html is the page "home". Templates link
// to assets by {{ asset "name" }} and write large numbers by {{ thousands 1204 }}.
func Parse(files fs.FS, layout string, assetURL func(name string) string) (*Pages, error) {
	names, err := fs.Glob(files, path.Join(path.Dir(layout), "*.html"))
	if err != nil {
		return nil, err
	}
	p := &Pages{byName: map[string]*template.Template{}}
	base := template.New(path.Base(layout)).Funcs(template.FuncMap{"asset": assetURL, "thousands": thousands})
	for _, name := range names {
		if name == layout {
			continue
		}
		fresh, err := base.Clone()
		if err != nil {
			return nil, err
		}
		parsed, err := fresh.ParseFS(files, layout, name)
		if err != nil {
			return nil, fmt.Errorf("parse the page %s: %w", name, err)
		}
		p.byName[strings.TrimSuffix(path.Base(name), ".html")] = parsed
	}
	return p, nil
}

// Render renders a page whole, and only then sends it. On an error nothing was sent.
func (p *Pages) Render(c *gin.Context, status int, name string, page any) error {
	t := p.byName[name]
	if t == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	var body bytes.Buffer
	if err := t.Execute(&body, page); err != nil {
		return fmt.Errorf("render the page %q: %w", name, err)
	}
	c.Data(status, "text/html; charset=utf-8", body.Bytes())
	return nil
}

// thousands writes a number for people: 1,204.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
