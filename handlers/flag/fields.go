package flag

import (
	"regexp"

	"github.com/toprent/flags/ruleset"
)

// fieldOf says beside which field a mistake in the flag is shown: by its path, as in variants[2].name. What is wrong
// with the rules, or with other flags, stands above the form.
func fieldOf(key string) func(ruleset.Problem) string {
	row := regexp.MustCompile(`^(variants|prerequisites)\[(\d+)\]\.(name|value|flag|variant)$`)
	return func(p ruleset.Problem) string {
		if p.Flag != key || p.Override > 0 {
			return ""
		}
		switch p.Path {
		case "kind", "type", "tier_required", "variants", "prerequisites", "off", "otherwise", "default":
			return p.Path
		}
		parts := row.FindStringSubmatch(p.Path)
		if parts == nil {
			return ""
		}
		column := map[string]string{"variants": "variant.", "prerequisites": "prerequisite."}[parts[1]]
		return column + parts[3] + "." + parts[2]
	}
}
