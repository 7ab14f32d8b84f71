package flags

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
)

// entry is a flag with what searching and sorting need of it, made once and used until flags are described anew.
type entry struct {
	models.FeatureFlag
	title, search, sortTitle string
}

// index holds the entries of the flags that were asked for last.
type index struct{ present atomic.Pointer[entries] }

type entries struct {
	flags *catalog.Flags
	all   []entry // in the order of keys
}

// of gives the entries of these flags, in the order of keys.
func (x *index) of(flags *catalog.Flags) []entry {
	if present := x.present.Load(); present != nil && present.flags == flags {
		return present.all
	}
	next := &entries{flags: flags, all: make([]entry, 0, len(flags.ByKey))}
	for key, flag := range flags.ByKey {
		title := flag.Title
		if strings.TrimSpace(title) == "" {
			title = key
		}
		next.all = append(next.all, entry{flag, title,
			strings.ToLower(strings.Join([]string{key, flag.Title, flag.Description, flag.Owner}, "\n")), strings.ToLower(title)})
	}
	slices.SortFunc(next.all, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	x.present.Store(next)
	return next.all
}
