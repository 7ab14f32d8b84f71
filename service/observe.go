package service

import (
	"slices"
	"sync"
)

// maxRemembered bounds what is remembered so as to log it once.
const maxRemembered = 1000

// observer counts questions without a proper answer, and logs each key once.
type observer struct {
	service *FeatureFlagService

	mu    sync.Mutex
	known map[[2]string]struct{} // kind and key
}

// FlagNotFound counts a read of a key that is no flag.
func (o *observer) FlagNotFound(key string) {
	o.service.counts.notFound.Add(1)
	o.once("not found", key, func() {
		o.service.log.Warn("flags: there is no such flag; the code's fallback is served", "flag", key, "environment", o.service.environment)
	})
}

// FlagFailed counts a read of a flag that could not be evaluated.
func (o *observer) FlagFailed(key string) {
	o.service.counts.failed.Add(1)
	o.once("failed", key, func() {
		o.service.log.Error("flags: a flag cannot be evaluated; its default is served", "flag", key, "environment", o.service.environment)
	})
}

// once calls f the first time that it is given a kind and a key, as long as there are not too many.
func (o *observer) once(kind, key string, f func()) {
	at := [2]string{kind, key}
	o.mu.Lock()
	_, known := o.known[at]
	full := len(o.known) >= maxRemembered
	if !known && !full {
		if o.known == nil {
			o.known = map[[2]string]struct{}{}
		}
		o.known[at] = struct{}{}
	}
	o.mu.Unlock()
	if !known && !full {
		f()
	}
}

// notFoundKeys gives at most a hundred of the keys that are no flags.
func (o *observer) notFoundKeys() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var keys []string
	for at := range o.known {
		if at[0] == "not found" && len(keys) < 100 {
			keys = append(keys, at[1])
		}
	}
	slices.Sort(keys)
	return keys
}
