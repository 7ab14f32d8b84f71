package settings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/codescan"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// shopReport is what a scan of a shop found; change makes it another.
func shopReport(t *testing.T, change func(*codescan.Report)) string {
	t.Helper()
	r := codescan.Report{Repository: "shop", Branch: "main", Commit: "0123abcd", Link: "https://code.example.com/shop/blob/{commit}/{path}#L{line}",
		Uses: []codescan.Use{{Key: "new-home", Path: "web/home page.go", Line: 7, Language: codescan.Go, Call: "middleware.On"}}}
	if change != nil {
		change(&r)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhereCodeUsesAFlagIsSeenOnItsPage(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := agedSite(t, store)
		eve := site.As("editor")
		robot := token(t, eve, "editor", "*")
		eve.Opens("/review").Sees("not scanned")
		puts := func(change func(*codescan.Report), status int) map[string]any {
			t.Helper()
			code, answer := asks(t, site.URL, robot, "PUT", "/references", shopReport(t, change))
			if code != status {
				t.Errorf("%d %v, want %d", code, answer, status)
			}
			return answer
		}
		answer := puts(func(r *codescan.Report) {
			r.Uses = append(r.Uses, codescan.Use{Key: "new-hom", Path: "a.ts", Line: 1, Language: codescan.JavaScript})
		}, 200)
		if fmt.Sprint(answer["unknown"]) != "[new-hom]" {
			t.Errorf("the typo is not named: %v", answer)
		}
		p := eve.Opens("/flags/new-home").Sees("shop, main", "web/home page.go:7", "0123abcd")
		if href, _ := p.Find(`a[href^="https://code"]`).Attr("href"); href != "https://code.example.com/shop/blob/0123abcd/web/home%20page.go#L7" {
			t.Errorf("the use is linked to %q", href)
		}
		// Another repository's upload, and another branch's, leave these alone.
		puts(func(r *codescan.Report) { r.Repository, r.Uses = "elsewhere", nil }, 200)
		puts(func(r *codescan.Report) { r.Branch, r.Uses[0].Path = "next", "next.go" }, 200)
		eve.Opens("/flags/new-home").Sees("web/home page.go:7", "next.go:7")
		// The next upload of the same branch takes the place of the last.
		puts(func(r *codescan.Report) { r.Uses = nil }, 200)
		puts(func(r *codescan.Report) { r.Branch, r.Uses = "next", nil }, 200)
		eve.Opens("/flags/new-home").Sees("No use in code since").Lacks("web/home page.go")
	})
}

func TestUploadsThatCouldHarmAreRefused(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	robot := token(t, site.As("editor"), "editor", "*")
	for name, change := range map[string]func(*codescan.Report){
		"a link that is a script":     func(r *codescan.Report) { r.Link = "javascript:alert(1)//{path}" },
		"a link without encryption":   func(r *codescan.Report) { r.Link = "http://code.example.com/{path}" },
		"a link whose host is a path": func(r *codescan.Report) { r.Link = "https://{path}/x" },
		"a link with a user":          func(r *codescan.Report) { r.Link = "https://a@b.example/{path}" },
		"a link of two lines":         func(r *codescan.Report) { r.Link = "https://b.example/{path}\n" },
		"a path out of it":            func(r *codescan.Report) { r.Uses[0].Path = "../../etc/passwd" },
		"a path from the root":        func(r *codescan.Report) { r.Uses[0].Path = "/etc/passwd" },
		"a path that turns around":    func(r *codescan.Report) { r.Uses[0].Path = "a\u202ego" },
		"a NUL":                       func(r *codescan.Report) { r.Uses[0].Path = "a\x00" },
		"no commit":                   func(r *codescan.Report) { r.Commit = "HEAD" },
		"no repository":               func(r *codescan.Report) { r.Repository = "" },
		"a key that is none":          func(r *codescan.Report) { r.Uses[0].Key = "<script>" },
		"no line":                     func(r *codescan.Report) { r.Uses[0].Line = 0 },
		"a language that is none":     func(r *codescan.Report) { r.Uses[0].Language = "COBOL" },
		"too many uses":               func(r *codescan.Report) { r.Uses = make([]codescan.Use, codescan.MaxUses+1) },
	} {
		if code, answer := asks(t, site.URL, robot, "PUT", "/references", shopReport(t, change)); code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %v", name, code, answer)
		}
	}
	huge := `{"repository": "` + strings.Repeat("x", 5<<20) + `"}`
	if code, _ := asks(t, site.URL, robot, "PUT", "/references", huge); code != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MB give %d", code)
	}
	if uploads, err := site.Store.CodeUploads(t.Context()); err != nil || len(uploads) > 0 {
		t.Errorf("something of it was kept: %v, %v", uploads, err)
	}
}

func TestPathsWithScriptsInThemStayText(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	robot := token(t, site.As("editor"), "editor", "*")
	evil := `<script>alert(1)</script>"onmouseover=x/'.go`
	if code, answer := asks(t, site.URL, robot, "PUT", "/references", shopReport(t, func(r *codescan.Report) { r.Uses[0].Path, r.Branch = evil, evil })); code != 200 {
		t.Fatalf("%d %v", code, answer)
	}
	p := site.As("viewer").Opens("/flags/new-home").Sees(evil)
	if p.Find("[onmouseover]").Length() > 0 || strings.Contains(p.Body, "<script>alert") {
		t.Error("a path became markup")
	}
	if href, _ := p.Find(`a[href^="https://code"]`).Attr("href"); !strings.HasPrefix(href, "https://code.example.com/shop/blob/0123abcd/%3Cscript%3E") {
		t.Errorf("it is linked to %q", href)
	}
}

func TestOnlyEditorsTokensUpload(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	viewer := token(t, site.As("editor"), "viewer", "*")
	if code, _ := asks(t, site.URL, viewer, "PUT", "/references", shopReport(t, nil)); code != http.StatusForbidden {
		t.Errorf("a viewer's token gives %d", code)
	}
	if code, _ := asks(t, site.URL, "", "PUT", "/references", shopReport(t, nil)); code != http.StatusUnauthorized {
		t.Errorf("no token gives %d", code)
	}
	// A session is no token: no other site can make a browser upload.
	if p := site.As("admin").Sends("PUT", "/settings/api/references", "application/json", shopReport(t, nil)); p.Status != http.StatusUnauthorized {
		t.Errorf("a session gives %d", p.Status)
	}
}
