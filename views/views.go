// Package views renders pages. A page is a typed struct and a template of its own within a layout; it is rendered into
// a buffer and then sent, so that a mistake in a template is an error page and never half a page.
package views

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"
	parsing "text/template/parse"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/internal/words"
)

//go:embed settings
var settingsFiles embed.FS

// Pages are the templates of one site.
type Pages struct {
	byName map[string]func() (*template.Template, error)
}

// Parse reads a layout and, beside it, one template for each page: pages/home.html is the page "home". Templates link
// to assets by {{ asset "name" }} and write large numbers by {{ thousands 1204 }}.
func Parse(files fs.FS, layout string, assetURL func(name string) string) (*Pages, error) {
	base := template.New(path.Base(layout)).Funcs(template.FuncMap{"asset": assetURL, "thousands": Thousands})
	return parse(base, files, path.Dir(layout), layout)
}

// Settings reads the settings pages: in views/settings, layout.html and the parts that several pages use stand beside
// each other, and each area has a folder: flags/list.html is the page "flags/list".
func Settings(funcs template.FuncMap) (*Pages, error) {
	base := template.New("layout.html").Funcs(template.FuncMap{
		"thousands": Thousands, "day": Day, "dict": dict, "field": newField, "choices": choices, "percent": percent, "join": strings.Join, "deed": words.Deed,
		"plus": func(a, b int) int { return a + b },
	}).Funcs(funcs)
	shared, err := fs.Glob(settingsFiles, "settings/*.html")
	if err != nil {
		return nil, err
	}
	return parse(base, settingsFiles, "settings", shared...)
}

// parse makes a page of each template under a folder that is not one of the shared ones.
func parse(base *template.Template, files fs.FS, folder string, shared ...string) (*Pages, error) {
	p := &Pages{byName: map[string]func() (*template.Template, error){}}
	alone, err := base.Clone() // with its functions, and none of its parts
	if err == nil {
		base, err = base.ParseFS(files, shared...)
	}
	if err != nil {
		return nil, err
	}
	isShared := map[string]bool{}
	for _, name := range shared {
		isShared[name] = true
	}
	add := func(name string) error {
		own, err := alone.Clone()
		if err == nil {
			own, err = own.ParseFS(files, name)
		}
		if err != nil {
			return fmt.Errorf("parse the page %s: %w", name, err)
		}
		p.byName[strings.TrimSuffix(strings.TrimPrefix(name, folder+"/"), ".html")] = sync.OnceValues(func() (*template.Template, error) { return within(base, own) })
		return nil
	}
	err = fs.WalkDir(files, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".html" || isShared[name] {
			return err
		}
		return add(name)
	})
	return p, err
}

// within puts a page's own templates into a copy of the layout. That is done when the page is asked for first: a copy for
// each of a hundred pages takes longer than all else that a server does before it starts.
func within(base, own *template.Template) (*template.Template, error) {
	whole, err := base.Clone()
	if err != nil {
		return nil, err
	}
	for _, part := range own.Templates() {
		if part.Tree == nil || parsing.IsEmptyTree(part.Tree.Root) { // a file that only defines others takes no other's place
			continue
		}
		if _, err := whole.AddParseTree(part.Name(), part.Tree); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// Render renders a page whole, and only then sends it. On an error nothing was sent.
func (p *Pages) Render(c *gin.Context, status int, name string, page any) error {
	return p.Fragment(c, status, name, "layout.html", page)
}

// Fragment renders one named template of a page alone, for a script that puts it in its place.
func (p *Pages) Fragment(c *gin.Context, status int, name, block string, page any) error {
	whole := p.byName[name]
	if whole == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	t, err := whole()
	if err != nil {
		return fmt.Errorf("put the page %q into its layout: %w", name, err)
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, block, page); err != nil {
		return fmt.Errorf("render the page %q: %w", name, err)
	}
	c.Data(status, "text/html; charset=utf-8", body.Bytes())
	return nil
}

// Thousands writes a number for people: 1,204.
func Thousands(n any) string {
	digits := fmt.Sprint(n)
	if _, err := strconv.ParseInt(digits, 10, 64); err != nil {
		return digits
	}
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
