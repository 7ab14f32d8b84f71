package codescan_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/toprent/flags/internal/codescan"
)

// shop is a tree full of traps, with folders that a repository could not hold added.
func shop(t *testing.T) fs.FS {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/shop")); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{".git", "node_modules/y", "vendor/x"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "a.js"), []byte(`flags.isEnabled("skipped-folder")`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(dir)
}

func scan(t *testing.T, root fs.FS, options codescan.Options) codescan.Result {
	t.Helper()
	result, err := codescan.Scan(t.Context(), root, options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func lines(uses []codescan.Use) (out []string) {
	for _, u := range uses {
		out = append(out, fmt.Sprintf("%s:%d %s %s", u.Path, u.Line, u.Call, u.Key))
	}
	return out
}

func TestEveryUseIsFoundAndNothingElse(t *testing.T) {
	result := scan(t, shop(t), codescan.Options{})
	want := strings.Split(`client/app.ts:7 flags.isEnabled plain
client/app.ts:9 flags.isEnabled over-lines
client/app.ts:11 flags.value typed
client/app.ts:12 flags.isEnabled in-backticks
client/app.ts:13 flags.isEnabled by-constant
client/app.ts:14 flags.isEnabled taken-out
client/app.ts:18 flags.isEnabled in-a-literal
client/app.ts:19 flags.isEnabled after-division
client/view.jsx:1 flags.isEnabled in-jsx
pages/home.html:3 .Flags.On in-a-block
pages/home.html:6 .Flags.On by-variable
pages/home.html:7 .Flags.On raw-in-template
pages/home.html:9 .Flags.Upgradable with-dot
pages/home.html:11 .Flags.On piped
pages/home.html:15 flags.isEnabled in-a-script
pages/home.html:18 data-flag in-markup
web/web.go:14 middleware.On new-home
web/web.go:18 middleware.On multi-line
web/web.go:20 middleware.Require raw-string
web/web.go:21 middleware.On checkout-v2
web/web.go:24 .String button-text
web/web.go:25 .Number page-size
web/web.go:26 .On chained
web/web.go:36 IsFeatureEnabled nightly
web/web.go:40 .Variant title-test
web/web_test.go:10 flagtest.With new-home
web/web_test.go:11 flagtest.With button-text
web/web_test.go:12 flagtest.Both chained`, "\n")
	got := lines(result.Uses)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("not found: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("found what is no use: %s", line)
		}
	}
}

func TestKeysThatArePutTogetherAreDynamicNotGuessed(t *testing.T) {
	result := scan(t, shop(t), codescan.Options{})
	want := []string{
		"client/app.ts:15 flags.isEnabled ", "client/app.ts:16 flags.isEnabled ", "client/app.ts:17 flags.isEnabled ",
		"pages/home.html:10 .Flags.On ", "pages/home.html:19 data-flag-off ", "web/web.go:22 middleware.On ", "web/web.go:32 middleware.On ",
	}
	if got := lines(result.Dynamic); !slices.Equal(got, want) {
		t.Errorf("dynamic:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	root := fstest.MapFS{
		"broken.go":   {Data: []byte("package x\nfunc (")},
		"broken.html": {Data: []byte(`{{ if }`)},
		"large.js":    {Data: make([]byte, codescan.MaxFile+1)},
		"latin.ts":    {Data: []byte("// \xe9")},
		"fine.ts":     {Data: []byte(`flags.isEnabled("a")`)},
	}
	result := scan(t, root, codescan.Options{})
	var names []string
	for _, u := range result.Unread {
		names = append(names, u.Path)
	}
	if want := []string{"broken.go", "broken.html", "large.js", "latin.ts"}; !slices.Equal(names, want) {
		t.Errorf("left out: %v, want %v", names, want)
	}
	if len(result.Uses) != 1 {
		t.Errorf("found %v, want the one use in fine.ts", result.Uses)
	}
}

func TestSymbolicLinksAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "a.js"), []byte(`flags.isEnabled("outside")`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"file.js": filepath.Join(outside, "a.js"), "folder": outside, "round": dir} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if result := scan(t, os.DirFS(dir), codescan.Options{}); len(result.Uses) > 0 || result.Files > 0 {
		t.Errorf("a link was followed: %+v", result)
	}
}

func TestTestdataIsScannedWhenAskedFor(t *testing.T) {
	if got := scan(t, shop(t), codescan.Options{Testdata: true}); !slices.ContainsFunc(got.Uses, func(u codescan.Use) bool { return u.Path == "testdata/a.js" }) {
		t.Error("testdata was left out though it was asked for")
	}
}

func FuzzNoScriptStopsTheScan(f *testing.F) {
	for _, name := range []string{"client/app.ts", "client/view.jsx", "pages/home.html", "web/web.go"} {
		data, err := os.ReadFile("testdata/shop/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root := fstest.MapFS{"a.ts": {Data: data}, "a.html": {Data: data}, "a.go": {Data: data}}
		result, err := codescan.Scan(t.Context(), root, codescan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range append(result.Uses, result.Dynamic...) {
			if u.Line < 1 || u.Line > 1+strings.Count(string(data), "\n") {
				t.Errorf("%+v is beyond the file's end", u)
			}
		}
	})
}

func BenchmarkScanOfThisRepository(b *testing.B) {
	for b.Loop() {
		result, err := codescan.Scan(b.Context(), os.DirFS("../.."), codescan.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(result.Files), "files")
		b.ReportMetric(float64(len(result.Uses)), "uses")
	}
}
