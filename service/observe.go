package service

import (
	"slices"
	"strings"
	"sync"

	"github.com/toprent/flags/ruleset"
)

const (
	maxRemembered = 1000 // of each kind, so as to log it once
	maxShown      = 100  // keys in a Status
	maxText       = 256  // bytes of a text from outside, remembered or logged
)

// observer counts questions without a proper answer, and logs each key once.
type observer struct {
	service *FeatureFlagService

	mu    sync.Mutex
	known map[string]map[string]struct{} // kind -> texts
}

const notFound = "not found"

// FlagNotFound counts a read of a key that is no flag.
func (o *observer) FlagNotFound(key string) {
	o.service.counts.notFound.Add(1)
	o.once(notFound, key, func() {
		o.service.log.Warn("flags: there is no such flag; the code's fallback is served", "flag", shorten(key), "environment", o.service.environment)
	})
}

// FlagFailed counts a read of a flag that could not be evaluated.
func (o *observer) FlagFailed(key string) {
	o.service.counts.failed.Add(1)
	o.once("failed", key, func() {
		o.service.log.Error("flags: a flag cannot be evaluated; its default is served", "flag", key, "environment", o.service.environment)
	})
}

// once calls f the first time that it is given a text of a kind, as long as there are not too many.
func (o *observer) once(kind, text string, f func()) {
	if o.remember(kind, text) {
		f()
	}
}

func (o *observer) remember(kind, text string) (isNew bool) {
	if len(text) > maxText {
		text = shorten(text)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	texts := o.known[kind]
	if _, known := texts[text]; known || len(texts) >= maxRemembered {
		return false
	}
	if texts == nil {
		if o.known == nil {
			o.known = map[string]map[string]struct{}{}
		}
		texts = map[string]struct{}{}
		o.known[kind] = texts
	}
	texts[strings.Clone(text)] = struct{}{} // it may be a piece of a whole request
	return true
}

// shorten cuts a text from outside.
func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// notFound gives, in order, at most a hundred of the keys asked for that are no flags in the revision.
func (o *observer) notFound(newest *ruleset.Revision) []string {
	o.mu.Lock()
	var keys []string
	for key := range o.known[notFound] {
		keys = append(keys, key)
	}
	o.mu.Unlock()
	if len(keys) > 0 && newest != nil { // some may have been made since
		flags := map[string]bool{}
		for _, flag := range newest.Definition().Flags {
			flags[flag.Key] = !flag.Archived
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return flags[key] })
	}
	slices.Sort(keys)
	return keys[:min(len(keys), maxShown)]
}
