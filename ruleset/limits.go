package ruleset

import "regexp"

// Limits against hostile or mistaken input. Compile refuses what is over them.
const (
	MaxKey               = 128         // bytes of a flag's, segment's or plan's key
	MaxID                = 256         // bytes of a subject's id
	MaxVariants          = 100         // per flag
	MaxVariantValue      = 64 << 10    // bytes of one variant's JSON
	MaxRules             = 200         // per flag
	MaxConditions        = 1000        // per flag or segment, all levels and regular expressions counted
	MaxDepth             = 12          // levels of nested conditions, segments included
	MaxConditionValues   = 10_000      // per condition
	MaxRegex             = 512         // bytes of one regular expression
	MaxRegexSize         = 4000        // its size with repetitions written out
	MaxPrerequisites     = 20          // per flag
	MaxPrerequisiteChain = 10          // flags that follow one another as prerequisites
	MaxKnown             = 100_000_000 // units that a share was calibrated for
	MaxAttributes        = 100         // per subject
	MaxSubject           = 64 << 10    // bytes of all a subject's data
)

var keyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,127}$`)

// ValidKey reports whether s can be the key of a flag, a segment or a plan: ^[a-z0-9][a-z0-9._-]{0,127}$
func ValidKey(s string) bool { return keyPattern.MatchString(s) }

var variantPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// ValidVariant reports whether s can be the name of a variant: ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$
func ValidVariant(s string) bool { return variantPattern.MatchString(s) }
