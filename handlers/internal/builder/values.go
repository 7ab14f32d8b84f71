package builder

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/handlers/internal/shell"
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

// timeValue reads a time that a condition compares with. What is no time stays as it is, and is refused later.
func timeValue(text string, zone *time.Location) string {
	if at, ok := shell.ParseTime(text, zone); ok {
		return at.Format(time.RFC3339)
	}
	return text
}

// clean keeps text storable.
func clean(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
