package middleware

import (
	"iter"
	"slices"
	"strings"
)

// nonceOf is the nonce by which one of the policies allows scripts; empty if none has any. Such a policy need not allow
// files, and with 'strict-dynamic' it allows none (Content Security Policy Level 3, section 6.7.1).
func nonceOf(lines []string) string {
	for policy := range policiesIn(lines) {
		if nonce := scriptNonce(policy); nonce != "" {
			return nonce
		}
	}
	return ""
}

// policiesIn gives the policies of a header: each line may have several.
func policiesIn(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for policy := range strings.SplitSeq(line, ",") {
				if !yield(policy) {
					return
				}
			}
		}
	}
}

// scriptNonce looks into the directive that counts for script elements: the most special one that there is, and of two
// with the same name the first.
func scriptNonce(policy string) (nonce string) {
	if !strings.Contains(policy, "'nonce-") {
		return ""
	}
	best := -1
	for directive := range strings.SplitSeq(policy, ";") {
		sources := strings.Fields(directive)
		if len(sources) == 0 {
			continue
		}
		special := slices.Index([]string{"default-src", "script-src", "script-src-elem"}, strings.ToLower(sources[0]))
		if special > best {
			best, nonce = special, nonceIn(sources[1:])
		}
	}
	return nonce
}

func nonceIn(sources []string) string {
	for _, source := range sources {
		nonce, begins := strings.CutPrefix(source, "'nonce-")
		nonce, ends := strings.CutSuffix(nonce, "'")
		if begins && ends && !strings.ContainsFunc(nonce, isNotBase64) { // it goes into an attribute
			return nonce
		}
	}
	return ""
}

func isNotBase64(r rune) bool {
	return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("+/-_=", r))
}
