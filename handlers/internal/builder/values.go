package builder

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/ruleset"
)

// joinValues writes values one a line. What a line could not hold as it is stands in quotes, as in JSON.
func joinValues(values []string) string {
	lines := make([]string, len(values))
	for i, value := range values {
		lines[i] = value
		if value == "" || strings.TrimSpace(value) != value || strings.ContainsAny(value, "\r\n\x00") || value[0] == '"' {
			quoted, err := json.Marshal(value)
			if err == nil {
				lines[i] = string(quoted)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// splitValues reads them again. Empty lines are no values.
func splitValues(text string) ruleset.Texts {
	var values ruleset.Texts
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		var unquoted string
		if line[0] == '"' && json.Unmarshal([]byte(line), &unquoted) == nil {
			line = unquoted
		}
		values = append(values, strings.ToValidUTF8(line, "\uFFFD"))
	}
	return values
}

// localTimes are the ways in which a time without a zone may be typed: it is meant in the reader's.
var localTimes = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// timeValue reads a time that a condition compares with. What is no time stays as it is, and is refused later.
func timeValue(text string, zone *time.Location) string {
	for _, layout := range localTimes {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.UTC().Format(time.RFC3339)
		}
	}
	return text
}

// fieldTime writes a time for a field, to the second if that says more.
func fieldTime(at time.Time, zone *time.Location) string {
	if at.Second() != 0 {
		return at.In(zone).Format("2006-01-02T15:04:05")
	}
	return at.In(zone).Format("2006-01-02T15:04")
}

// clean keeps text storable.
func clean(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
