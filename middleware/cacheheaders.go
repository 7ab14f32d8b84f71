package middleware

import (
	"iter"
	"net/http"
	"strings"
)

// networkCaches are the headers for the caches of a network alone (RFC 9213), which these follow whatever Cache-Control
// says.
func networkCaches() [6]string {
	return [...]string{"Cdn-Cache-Control", "Surrogate-Control", "Cloudflare-Cdn-Cache-Control", "Vercel-Cdn-Cache-Control", "Netlify-Cdn-Cache-Control", "X-Accel-Expires"}
}

// LeaveNetworkCaches takes back what a host tells the caches of a network alone, such as by a header that it sets for all
// that it serves. Cache-Control counts for them, then.
func LeaveNetworkCaches(h http.Header) {
	for _, name := range networkCaches() {
		delete(h, name)
	}
}

// shared reports whether the host lets caches hand one response to many people:
// Cache-Control says public or s-maxage (RFC 9111, section 5.2.2), or a header
// for the caches of a network alone says anything but to keep away (RFC 9213).
// What belongs to one visitor must then stay out of it.
func shared(h http.Header) bool {
	for _, name := range networkCaches() {
		if lines := h[name]; len(lines) > 0 && !keepsAway(lines) {
			return true
		}
	}
	for name := range directives(h["Cache-Control"]) {
		if strings.EqualFold(name, "public") || strings.EqualFold(name, "s-maxage") {
			return true
		}
	}
	return false
}

// keepsAway reports whether a network's caches are told to keep nothing.
func keepsAway(lines []string) bool {
	for name, argument := range directives(lines) {
		switch {
		case strings.EqualFold(name, "private"), strings.EqualFold(name, "no-store"), name == "0",
			strings.EqualFold(name, "max-age") && argument == "0":
			return true
		}
	}
	return false
}

// private keeps caches from handing a response to anybody else: Cache-Control
// gets private, unless it says so already or is stricter (no-store, no-cache),
// and Vary gets Cookie. What else the host says there stays.
func private(h http.Header) {
	if !unshared(h) {
		h["Cache-Control"] = prepend("private", h["Cache-Control"])
	}
	if !varies(h, "Cookie") {
		h.Add("Vary", "Cookie")
	}
}

// oneself takes back that a response is for many people, and keeps it to one.
func oneself(h http.Header) {
	if shared(h) {
		LeaveNetworkCaches(h)
		h.Set("Cache-Control", "private")
	}
	private(h)
}

// unshared reports whether no cache but the browser's may answer with this
// response. private="Age" and no-cache="Age" speak of single headers only.
func unshared(h http.Header) bool {
	for name, argument := range directives(h["Cache-Control"]) {
		switch {
		case argument != "":
		case strings.EqualFold(name, "private"), strings.EqualFold(name, "no-store"), strings.EqualFold(name, "no-cache"):
			return true
		}
	}
	return false
}

// prepend puts a directive first. It never writes to lines, which a host may
// share between responses.
func prepend(directive string, lines []string) []string {
	if len(lines) == 0 {
		return []string{directive}
	}
	return []string{directive + ", " + strings.Join(lines, ", ")}
}

func varies(h http.Header, name string) bool {
	for field := range directives(h["Vary"]) {
		if field == "*" || strings.EqualFold(field, name) {
			return true
		}
	}
	return false
}

// directives yields name and argument of each member of a comma-separated
// header that may stand on several lines. A comma within quotes separates
// nothing: private="set-cookie, public" is one directive.
func directives(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, argument string) bool) {
		for _, rest := range lines {
			for rest != "" {
				var member string
				member, rest = cutMember(rest)
				name, argument, _ := strings.Cut(member, "=")
				if name = strings.Trim(name, " \t"); name != "" && !yield(name, strings.Trim(argument, " \t")) {
					return
				}
			}
		}
	}
}

func cutMember(s string) (member, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
