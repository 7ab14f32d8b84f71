package codescan

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/toprent/flags/ruleset"
)

// Report is what is uploaded about one branch of one repository.
type Report struct {
	Repository string `json:"repository"`
	Branch     string `json:"branch"`
	Commit     string `json:"commit"`
	Link       string `json:"link,omitempty"` // https, with {path}, {line} and perhaps {commit}; empty: uses are not linked
	Uses       []Use  `json:"uses"`
	Dynamic    int    `json:"dynamic"` // uses whose keys are not known
}

// Bounds on a report.
const (
	maxName = 200    // bytes
	maxPath = 1024   // bytes
	MaxUses = 20_000 // more than any code that people wrote
)

var commits = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// Check says what is wrong with a report; nil: nothing.
func (r Report) Check() error {
	if err := checkName("repository", r.Repository); err != nil {
		return err
	}
	if err := checkName("branch", r.Branch); err != nil {
		return err
	}
	if !commits.MatchString(r.Commit) {
		return fmt.Errorf("commit %q is no commit id: 7 to 64 hexadecimal digits", short(r.Commit))
	}
	if err := CheckLink(r.Link); err != nil {
		return err
	}
	if len(r.Uses) > MaxUses || r.Dynamic < 0 {
		return fmt.Errorf("%d uses are too many: at most %d are taken", len(r.Uses), MaxUses)
	}
	for i, u := range r.Uses {
		if err := checkUse(u); err != nil {
			return fmt.Errorf("uses[%d]: %w", i, err)
		}
	}
	return nil
}

func checkUse(u Use) error {
	switch {
	case !ruleset.ValidKey(u.Key):
		return fmt.Errorf("%q is no key of a flag", short(u.Key))
	case u.Path == "" || len(u.Path) > maxPath || !plain(u.Path) || path.IsAbs(u.Path) || path.Clean(u.Path) != u.Path || strings.HasPrefix(u.Path, "../"):
		return fmt.Errorf("%q is no path within a repository", short(u.Path))
	case u.Line < 1 || u.Line > 1<<30:
		return fmt.Errorf("%d is no line", u.Line)
	case u.Language != Go && u.Language != Template && u.Language != JavaScript:
		return fmt.Errorf("language %q is none of %s, %s and %s", short(u.Language), Go, Template, JavaScript)
	}
	return nil
}

func checkName(what, name string) error {
	if name == "" || len(name) > maxName || !plain(name) || strings.TrimSpace(name) != name {
		return fmt.Errorf("the %s %q cannot be kept: give 1 to %d bytes of plain text", what, short(name), maxName)
	}
	return nil
}

// plain reports whether a text is UTF-8 without anything invisible that could turn it around or end it.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar
	})
}

func short(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}

// CheckLink says what is wrong with a pattern of links to a code host. Only https is allowed, and the host has to stand
// there: no part of a use may become part of it.
func CheckLink(pattern string) error {
	if pattern == "" {
		return nil
	}
	u, err := url.Parse(strings.NewReplacer("{path}", "p", "{line}", "1", "{commit}", "c").Replace(pattern))
	host, _, _ := strings.Cut(strings.TrimPrefix(pattern, "https://"), "/")
	if err != nil || !strings.HasPrefix(pattern, "https://") || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Host != host ||
		len(pattern) > 500 || !plain(pattern) || strings.ContainsAny(pattern, " \"'<>\\") || !strings.Contains(pattern, "{path}") {
		return fmt.Errorf("the link %q is not allowed: it looks like https://code.example.com/shop/blob/{commit}/{path}#L{line}", short(pattern))
	}
	return nil
}

// LinkOf is the address of a use at the code host; empty: the pattern gives none.
func LinkOf(pattern, commit, file string, line int) string {
	if pattern == "" || CheckLink(pattern) != nil {
		return ""
	}
	parts := strings.Split(file, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.NewReplacer("{path}", strings.Join(parts, "/"), "{line}", strconv.Itoa(line), "{commit}", url.PathEscape(commit)).Replace(pattern)
}

// Keepable reports whether a use can be part of a report.
func Keepable(u Use) bool { return checkUse(u) == nil }
