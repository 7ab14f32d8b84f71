package service

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

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

	mu       sync.Mutex
	known    map[string]map[string]struct{} // kind -> texts
	unknown  map[string]*asked              // by key
	failures map[Failure]*asked             // by flag and cause
}

// asked is how often and when last something was asked for.
type asked struct {
	reads int64
	last  time.Time // by the source's clock
}

const notFound = "not found"

// FlagNotFound counts a read of a key that is no flag.
func (o *observer) FlagNotFound(key string) {
	o.service.counts.notFound.Add(1)
	if len(key) > maxText {
		key = shorten(key)
	}
	now := o.service.Now()
	o.mu.Lock()
	note(&o.unknown, key, now, strings.Clone)
	o.mu.Unlock()
	o.once(notFound, key, func() {
		o.service.log.Warn("flags: there is no such flag; the code's fallback is served", "flag", shorten(key), "environment", o.service.environment)
	})
}

// FlagFailed counts a read of a flag that could not be evaluated.
func (o *observer) FlagFailed(key, cause string) {
	o.service.counts.failed.Add(1)
	now := o.service.Now()
	o.mu.Lock()
	note(&o.failures, Failure{Flag: key, Cause: shorten(cause)}, now, func(f Failure) Failure {
		return Failure{Flag: strings.Clone(f.Flag), Cause: strings.Clone(f.Cause)}
	})
	o.mu.Unlock()
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

// note counts one more question about a key, as long as there are not too many keys. own copies a key that is kept: it
// may be a piece of a whole request.
func note[K comparable](all *map[K]*asked, key K, now time.Time, own func(K) K) {
	a := (*all)[key]
	if a == nil {
		if len(*all) >= maxRemembered {
			return
		}
		if *all == nil {
			*all = map[K]*asked{}
		}
		a = &asked{}
		(*all)[own(key)] = a
	}
	a.reads++
	a.last = now
}

// Failure is a flag that was read and could not be evaluated, since the start of the process.
type Failure struct {
	Flag  string    `json:"flag"`
	Cause string    `json:"cause"`
	Reads int64     `json:"reads"`
	Last  time.Time `json:"last"`
}

// Unknown is a key that was asked for and is no flag, since the start of the process.
type Unknown struct {
	Key   string    `json:"key"`
	Reads int64     `json:"reads"`
	Last  time.Time `json:"last"`
}

// Failures are the flags that were read and could not be evaluated, each with its cause, the most read first: at most a
// hundred. A flag that has been mended since is among them.
func (s *FeatureFlagService) Failures() []Failure {
	o := &s.seen
	o.mu.Lock()
	out := make([]Failure, 0, len(o.failures))
	for f, a := range o.failures {
		out = append(out, Failure{f.Flag, f.Cause, a.reads, a.last})
	}
	o.mu.Unlock()
	slices.SortFunc(out, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), strings.Compare(a.Flag, b.Flag), strings.Compare(a.Cause, b.Cause))
	})
	return out[:min(len(out), maxShown)]
}

// Unknown are the keys that were asked for and are no flags in the newest revision, the most asked for first: at most a
// hundred. A process remembers the first thousand of them; all are counted in Counts.
func (s *FeatureFlagService) Unknown() []Unknown {
	var flags map[string]bool
	if st := s.state.Load(); st != nil {
		flags = liveFlags(st.newest.own)
	}
	o := &s.seen
	o.mu.Lock()
	out := make([]Unknown, 0, len(o.unknown))
	for key, a := range o.unknown {
		if !flags[key] { // else it was made since
			out = append(out, Unknown{key, a.reads, a.last})
		}
	}
	o.mu.Unlock()
	slices.SortFunc(out, func(a, b Unknown) int {
		return cmp.Or(cmp.Compare(b.Reads, a.Reads), strings.Compare(a.Key, b.Key))
	})
	return out[:min(len(out), maxShown)]
}

func liveFlags(revision *ruleset.Revision) map[string]bool {
	flags := map[string]bool{}
	for _, flag := range revision.Definition().Flags {
		flags[flag.Key] = !flag.Archived
	}
	return flags
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
		flags := liveFlags(newest)
		keys = slices.DeleteFunc(keys, func(key string) bool { return flags[key] })
	}
	slices.Sort(keys)
	return keys[:min(len(keys), maxShown)]
}
