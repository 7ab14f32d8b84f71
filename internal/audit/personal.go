package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/toprent/flags/models"
)

// personal collects the personal values of an entry, and puts places in their stead: ⟦p1⟧, ⟦p2⟧ and so on. Whatever
// has such a bracket of its own gets ⟦⟧ for it.
type personal struct {
	values []models.AuditPersonal
	places map[string]string // by kind and value
}

// add takes a value under a field's name. What is empty is no value.
func (p *personal) add(field, kind, value string) {
	if value == "" {
		return
	}
	if kind != models.AuditText && len(value) > maxIndexed {
		kind = models.AuditText
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	p.values = append(p.values, models.AuditPersonal{Field: field, Kind: kind, Value: value, Salt: salt})
}

// maxIndexed is how long a value may be that entries are found by, in bytes; ids are shorter.
const maxIndexed = 512

// place takes a value that stands within a text, and gives what stands there instead.
func (p *personal) place(kind, value string) string {
	if value == "" {
		return ""
	}
	if p.places == nil {
		p.places = map[string]string{}
	}
	key := kind + "\x00" + value
	if p.places[key] == "" {
		field := "p" + strconv.Itoa(len(p.places)+1)
		p.places[key] = "⟦" + field + "⟧"
		p.add(field, kind, value)
	}
	return p.places[key]
}

var (
	emails    = regexp.MustCompile(`[^\s"'<>()\[\],;:⟦⟧\\]+@[^\s"'<>()\[\],;:⟦⟧\\]+\.[^\s"'<>()\[\],;:⟦⟧\\]*[\p{L}\p{N}]`)
	users     = regexp.MustCompile(`(for user )("(?:[^"\\]|\\.)*")`)
	reasons   = regexp.MustCompile(`((?:: reason |, was ))("(?:[^"\\]|\\.)*")`)
	placeText = regexp.MustCompile(`⟦(p[0-9]*)?⟧`)
)

// text puts places where a text names e-mail addresses.
func (p *personal) text(text string) string {
	text = strings.ReplaceAll(text, "⟦", "⟦⟧")
	if !strings.Contains(text, "@") {
		return text
	}
	return emails.ReplaceAllStringFunc(text, func(email string) string { return p.place(models.AuditSubject, email) })
}

// line puts places where a line of a change names people, or gives the reason of an override.
func (p *personal) line(line string) string {
	var kept []string // quoted texts that became places, so that they are not looked at as texts
	keep := func(kind string) func(pattern *regexp.Regexp, line string) string {
		return func(pattern *regexp.Regexp, line string) string {
			return pattern.ReplaceAllStringFunc(line, func(found string) string {
				parts := pattern.FindStringSubmatch(found)
				value, err := strconv.Unquote(parts[2])
				if err != nil || value == "" {
					return found
				}
				kept = append(kept, `"`+p.place(kind, value)+`"`)
				return parts[1] + "\x00" + strconv.Itoa(len(kept)-1) + "\x00"
			})
		}
	}
	line = strings.ReplaceAll(line, "\x00", "")
	isOverride := strings.HasPrefix(line, "override of flag ")
	line = keep(models.AuditSubject)(users, line)
	if isOverride && strings.Contains(line, ": reason ") {
		line = keep(models.AuditText)(reasons, line)
	}
	line = p.text(line)
	for i, quoted := range kept {
		line = strings.Replace(line, "\x00"+strconv.Itoa(i)+"\x00", quoted, 1)
	}
	return line
}

// within puts places where a line names people who have one already: what a rule or a segment says of them.
func (p *personal) within(line string) string {
	for _, value := range p.values {
		place := p.places[value.Kind+"\x00"+value.Value]
		if place == "" || value.Kind != models.AuditSubject || !strings.Contains(line, value.Value) {
			continue
		}
		var out strings.Builder
		from := 0
		for _, is := range append(placeText.FindAllStringIndex(line, -1), []int{len(line), len(line)}) {
			out.WriteString(replaceWord(line[from:is[0]], value.Value, place))
			out.WriteString(line[is[0]:is[1]])
			from = is[1]
		}
		line = out.String()
	}
	return line
}

// replaceWord replaces a word where it stands by itself.
func replaceWord(text, word, by string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return out.String() + text
		}
		end := i + len(word)
		if models.Names(text[max(0, i-utf8.UTFMax):min(len(text), end+utf8.UTFMax)], word) {
			out.WriteString(text[:i] + by)
		} else {
			out.WriteString(text[:end])
		}
		text = text[end:]
	}
}

// commitment binds an entry to a value that only who knows the salt can try out.
func commitment(field, value string, salt []byte) []byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(field + "\x00" + value))
	return mac.Sum(nil)
}

// commitments are those to all values, by field.
func (p *personal) commitments() map[string]string {
	all := make(map[string]string, len(p.values))
	for _, value := range p.values {
		all[value.Field] = base64.RawStdEncoding.EncodeToString(commitment(value.Field, value.Value, value.Salt))
	}
	return all
}

// Gone is what stands where a value was that was forgotten.
const Gone = "(forgotten)"

// expand puts values back into their places.
func expand(text string, values map[string]string) string {
	if !strings.Contains(text, "⟦") {
		return text
	}
	return placeText.ReplaceAllStringFunc(text, func(place string) string {
		field := strings.Trim(place, "⟦⟧")
		if field == "" {
			return "⟦"
		}
		if value, ok := values[field]; ok {
			return value
		}
		return Gone
	})
}

// storable is a text as both databases can hold it.
func storable(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	if len(text) > most {
		text = text[:most]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return text
}
