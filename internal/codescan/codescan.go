// Package codescan finds where code uses flags: in Go, in HTML templates, and in TypeScript and JavaScript. It reads a
// file system and nothing else, follows no symbolic link, runs none of the code, and needs none of its dependencies. A
// key that the code puts together as it runs is reported as dynamic, never guessed.
package codescan

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on what is read.
const (
	MaxFile  = 1 << 20 // bytes; larger files are generated, and named in Result.Unread
	MaxFiles = 200_000
)

// Languages of uses.
const (
	Go         = "Go"
	Template   = "template"
	JavaScript = "JavaScript" // TypeScript too
)

// Use is one place at which code asks for a flag.
type Use struct {
	Key      string `json:"key,omitempty"` // empty: it is put together as the code runs
	Path     string `json:"path"`          // with slashes, below the folder that was scanned
	Line     int    `json:"line"`          // from 1
	Language string `json:"language"`
	Call     string `json:"call"` // what asks: middleware.On, .Flags.On, flags.isEnabled …
}

// Unread is a file that was left out, and why.
type Unread struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Result is what was found, in the order of paths and lines.
type Result struct {
	Uses    []Use    `json:"uses"`
	Dynamic []Use    `json:"dynamic"` // whose keys are known as the code runs only
	Unread  []Unread `json:"unread"`
	Files   int      `json:"files"` // that were read
}

// Options say what to scan.
type Options struct {
	Testdata bool // folders named testdata too, which Go leaves out
	NoTests  bool // leave out tests, which may have flags of their own
}

// Scan finds all uses below a folder.
func Scan(ctx context.Context, root fs.FS, options Options) (Result, error) {
	s := &scanner{root: root, options: options, packages: map[string]*goFolder{}}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return err
		case err != nil:
			s.leave(name, "it cannot be opened")
			return nil
		}
		return s.visit(name, entry)
	})
	if err != nil {
		return Result{}, fmt.Errorf("scan: %w", err)
	}
	s.scanGo()
	s.sort()
	return s.result, nil
}

type scanner struct {
	root     fs.FS
	options  Options
	module   string // the path of the Go module, as go.mod at the root says
	packages map[string]*goFolder
	result   Result
}

// visit reads a file, or decides whether a folder is entered.
func (s *scanner) visit(name string, entry fs.DirEntry) error {
	if entry.IsDir() {
		if name != "." && s.skips(entry.Name()) {
			return fs.SkipDir
		}
		return nil
	}
	language := languageOf(name)
	if s.options.NoTests && isTest(name) {
		return nil
	}
	if language == "" && name != "go.mod" || !entry.Type().IsRegular() {
		return nil
	}
	if s.result.Files >= MaxFiles {
		return fmt.Errorf("there are more than %d files: scan a smaller folder", MaxFiles)
	}
	text, why := s.read(name, entry)
	if why != "" {
		s.leave(name, why)
		return nil
	}
	s.result.Files++
	switch {
	case name == "go.mod":
		s.module = moduleOf(text)
	case language == Go:
		s.addGo(name, text)
	case language == Template:
		s.scanTemplate(name, text)
	default:
		s.scanJavaScript(name, text, 1)
	}
	return nil
}

// skips reports whether a folder holds what others wrote, or what is no code.
func (s *scanner) skips(folder string) bool {
	return strings.HasPrefix(folder, ".") || folder == "vendor" || folder == "node_modules" || folder == "third_party" ||
		folder == "testdata" && !s.options.Testdata
}

func languageOf(name string) string {
	switch path.Ext(name) {
	case ".go":
		return Go
	case ".html", ".htm", ".gohtml", ".tmpl", ".gotmpl":
		return Template
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx":
		if strings.Contains(path.Base(name), ".min.") {
			return ""
		}
		return JavaScript
	}
	return ""
}

// isTest reports whether a file is a test by its name, as Go and the test runners of JavaScript have it.
func isTest(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, "_test.go") || strings.Contains(base, ".test.") || strings.Contains(base, ".spec.")
}

func (s *scanner) read(name string, entry fs.DirEntry) (text, why string) {
	info, err := entry.Info()
	if err != nil {
		return "", "it cannot be opened"
	}
	if info.Size() > MaxFile {
		return "", fmt.Sprintf("it is larger than %d MB", MaxFile>>20)
	}
	data, err := fs.ReadFile(s.root, name)
	switch {
	case err != nil:
		return "", "it cannot be opened"
	case len(data) > MaxFile:
		return "", fmt.Sprintf("it is larger than %d MB", MaxFile>>20)
	case !utf8.Valid(data):
		return "", "it is not UTF-8"
	}
	return string(data), ""
}

func moduleOf(text string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.Trim(strings.TrimSpace(rest), `"`)
		}
	}
	return ""
}

func (s *scanner) leave(name, why string) {
	s.result.Unread = append(s.result.Unread, Unread{name, why})
}

// found notes a use; one whose key is not known is dynamic.
func (s *scanner) found(u Use) {
	if u.Key == "" {
		s.result.Dynamic = append(s.result.Dynamic, u)
		return
	}
	s.result.Uses = append(s.result.Uses, u)
}

func (s *scanner) sort() {
	byPlace := func(a, b Use) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), strings.Compare(a.Key, b.Key), strings.Compare(a.Call, b.Call))
	}
	for _, uses := range []*[]Use{&s.result.Uses, &s.result.Dynamic} {
		slices.SortFunc(*uses, byPlace)
		*uses = slices.Compact(*uses)
	}
	slices.SortFunc(s.result.Unread, func(a, b Unread) int { return strings.Compare(a.Path, b.Path) })
}

// asks are the methods of a request's values, whose first argument is a flag's key.
func asks(method string) bool {
	return slices.Contains([]string{"On", "Bool", "String", "Number", "Decode", "Variant", "Detail", "Reason", "Upgradable"}, method)
}
