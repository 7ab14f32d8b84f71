package requests

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// compare sets what others have made of items beside what the request would make of them.
func compare(conflicts []changes.Conflict, steps [][]changes.Edit, zone *time.Location) (out []views.Conflict) {
	for _, conflict := range conflicts {
		theirs, yours := fieldsOf(conflict.Theirs, zone), fieldsOf(wanted(conflict, steps), zone)
		what := views.Conflict{What: capital(conflict.Item.String())}
		for i := range max(len(theirs), len(yours)) {
			line := views.ConflictLine{Theirs: "not there", Yours: "not there"}
			if i < len(theirs) {
				line.Field, line.Theirs = theirs[i].name, theirs[i].says
			}
			if i < len(yours) {
				line.Field, line.Yours = yours[i].name, yours[i].says
			}
			what.Lines = append(what.Lines, line)
		}
		out = append(out, what)
	}
	return out
}

// wanted is what the first step that is about an item makes of it; nil: it takes it away.
func wanted(conflict changes.Conflict, steps [][]changes.Edit) any {
	for _, edits := range steps {
		for _, edit := range edits {
			if changes.ItemOf(edit) != conflict.Item {
				continue
			}
			switch e := edit.(type) {
			case changes.PutFlag:
				if e.Flag != nil {
					flag := *e.Flag
					if theirs, ok := conflict.Theirs.(ruleset.Flag); ok {
						flag.Killed = theirs.Killed // which no request changes but one that lifts the kill
					}
					return flag
				}
			case changes.SetStage:
				if theirs, ok := conflict.Theirs.(ruleset.Flag); ok {
					return e.Of(theirs)
				}
			case changes.PutSegment:
				return e.Segment
			case changes.PutPlan:
				return e.Plan
			case changes.PutOverride:
				return e.Override
			case changes.ArchiveFlag:
				return "archived"
			case changes.LiftFlag:
				return "the kill is lifted"
			}
			return nil
		}
	}
	return nil
}

// field is one thing that an item says.
type field struct{ name, says string }

func fieldsOf(content any, zone *time.Location) []field {
	switch is := content.(type) {
	case string:
		return []field{{"What becomes of it", is}}
	case ruleset.Flag:
		return flagFields(is, zone)
	case ruleset.Segment:
		return []field{{"Title", is.Title}, {"Who is in it", words.ConditionIn(is.When, zone)}}
	case ruleset.Plan:
		return []field{{"Title", is.Title}, {"Rank", strconv.Itoa(int(is.Rank))}, {"Features", strings.Join(is.Features, ", ")}}
	case ruleset.Override:
		until := "without end"
		if is.Expires != nil {
			until = "until " + is.Expires.In(zone).Format("2 Jan 2006, 15:04 MST")
		}
		return []field{{"Variant", is.Variant}, {"How long", until}, {"Reason", cmp.Or(is.Reason, "none")}}
	}
	return nil
}

func flagFields(flag ruleset.Flag, zone *time.Location) []field {
	flag = flag.Filled()
	fields := []field{{"Who gets what", words.FlagIn(flag, time.Now(), zone)}, {"Enabled", yes(flag.Enabled)}, {"Archived", yes(flag.Archived)},
		{"Client-visible", yes(flag.ClientVisible)}, {"Needs plan", cmp.Or(flag.TierRequired, "none")}, {"Needs flags", needed(flag)}, {"Otherwise", words.Variant(flag, flag.Otherwise)},
		{"Off", words.Variant(flag, flag.Off)}, {"Default", words.Variant(flag, flag.Default)}, {"Values", valuesOf(flag)}}
	for i, rule := range flag.Rules {
		fields = append(fields, field{fmt.Sprintf("Rule %d", i+1), words.RuleIn(rule, zone)})
	}
	return fields
}

func needed(flag ruleset.Flag) string {
	all := make([]string, len(flag.Prerequisites))
	for i, p := range flag.Prerequisites {
		all[i] = p.Flag + " to be " + p.Variant
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

// valuesOf are a flag's variants with their values, a line each.
func valuesOf(flag ruleset.Flag) string {
	var all []string
	for _, v := range flag.AllVariants() {
		all = append(all, v.Name+": "+string(v.Value))
	}
	return strings.Join(all, "\n")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
