package inspect

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/ruleset"
)

// What an answer can be compared with.
const (
	byPerson      = "person"
	byMoment      = "moment"
	byEnvironment = "environment"
)

// question is what the address asks for.
type question struct {
	in       string
	subject  ruleset.Subject // as it was typed; what is known of them comes on top
	typed    []pair          // the attributes, in their order
	anyone   bool            // an anonymous visitor is asked about
	at       time.Time       // zero: now
	pinned   *int64
	pinnedAt *time.Time
	find     string // a text to find people by

	compare        string // empty: with nothing
	vsIn           string
	vsUser, vsOrg  string
	vsAt           time.Time // zero: now
	explain        string
	search, filter string
	number         string // of the list's page
}

// read reads the address. Times without a zone, as forms send them, are in the form's, or the reader's.
func read(query url.Values, zone *time.Location) (question, *shell.Form) {
	form := &shell.Form{Values: url.Values{}, Errors: map[string]string{}, Zone: shell.ZoneOf(query, zone)}
	for name := range query {
		form.Values[name] = query[name]
	}
	q := question{in: form.Get("in"), anyone: form.Get("asked") != "", find: form.Get("find"), vsIn: form.Get("vs_in"), vsUser: form.Get("vs_user"), vsOrg: form.Get("vs_tenant"),
		explain: form.Get("explain"), search: form.Get("q"), filter: form.Get("which"), number: form.Get("page")}
	q.subject = ruleset.Subject{User: form.Get("user"), Visitor: form.Get("visitor"), Tenant: form.Get("tenant"), Plan: form.Get("plan"),
		AddOns: strings.FieldsFunc(form.Get("addons"), func(r rune) bool { return r == ',' || r == ' ' })}
	for _, row := range attributeRows(query) {
		if row.Name != "" {
			q.typed = append(q.typed, pair(row))
			if q.subject.Attributes == nil {
				q.subject.Attributes = map[string]any{}
			}
			q.subject.Attributes[row.Name] = asof.Attribute(row.Value)
		} else if row.Value != "" {
			form.Refuse("attributes", "Give the attribute with the value "+row.Value+" a name.")
		}
	}
	if at := form.Time("at"); at != nil {
		q.at = *at
	}
	q.pinnedAt = form.Time("pinned_at")
	if text := form.Get("pinned"); text != "" {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 0 {
			form.Refuse("pinned", "Write the revision's number, such as 12.")
		}
		q.pinned = &number
	}
	if at := form.Time("vs_at"); at != nil {
		q.vsAt = *at
	}
	q.readComparison(form)
	return q, form
}

// readComparison takes over what the answer is compared with.
func (q *question) readComparison(form *shell.Form) {
	switch q.compare = form.Get("compare"); q.compare {
	case byPerson:
		if q.vsUser == "" && q.vsOrg == "" {
			form.Refuse("vs_user", "Say with whom to compare.")
		}
	case byEnvironment:
		if q.vsIn == "" {
			form.Refuse("vs_in", "Say with which environment to compare.")
		}
	case byMoment:
	default:
		q.compare = ""
	}
}

// asked reports whether anything was asked for yet.
func (q *question) asked() bool {
	s := &q.subject
	return q.anyone || cmp.Or(s.User, s.Visitor, s.Tenant, s.Plan) != "" || len(s.AddOns)+len(s.Attributes) > 0
}

// other is the question that the answer is compared with.
func (q question) other() (question, bool) {
	other := q
	switch q.compare {
	case byPerson:
		other.subject = ruleset.Subject{User: q.vsUser, Tenant: q.vsOrg}
		other.typed = nil
	case byMoment:
		other.at, other.pinned, other.pinnedAt = q.vsAt, nil, nil
	case byEnvironment:
		other.in, other.pinned, other.pinnedAt = q.vsIn, nil, nil
	default:
		return question{}, false
	}
	return other, true
}

// encode writes the question as an address that means the same everywhere, without what is empty.
func (q question) encode() string { return q.values().Encode() }

func (q question) values() url.Values {
	query := url.Values{}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("in", q.in)
	set("user", q.subject.User)
	set("visitor", q.subject.Visitor)
	set("tenant", q.subject.Tenant)
	set("plan", q.subject.Plan)
	set("addons", strings.Join(q.subject.AddOns, ","))
	for _, a := range q.typed {
		query.Add("name", a.Name)
		query.Add("value", a.Value)
	}
	if q.anyone {
		set("asked", "1")
	}
	set("at", machine(q.at))
	if q.pinned != nil {
		set("pinned", strconv.FormatInt(*q.pinned, 10))
		if q.pinnedAt != nil {
			set("pinned_at", machine(*q.pinnedAt))
		}
	}
	set("find", q.find)
	switch set("compare", q.compare); q.compare {
	case byPerson:
		set("vs_user", q.vsUser)
		set("vs_tenant", q.vsOrg)
	case byMoment:
		set("vs_at", machine(q.vsAt))
	case byEnvironment:
		set("vs_in", q.vsIn)
	}
	set("explain", q.explain)
	set("q", q.search)
	set("which", q.filter)
	set("page", q.number)
	return query
}

func machine(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// attributeRow is a row of the form's attributes.
type attributeRow struct{ Name, Value string }

// attributeRows are those that were typed, without the empty ones.
func attributeRows(query url.Values) (rows []attributeRow) {
	names, values := query["name"], query["value"]
	for i, name := range names {
		row := attributeRow{Name: strings.TrimSpace(name)}
		if i < len(values) {
			row.Value = strings.TrimSpace(values[i])
		}
		if row.Name != "" || row.Value != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

// localise writes the form's times as its fields do: in its zone, rounded up to seconds, so that none is before
// what it names.
func localise(form *shell.Form) {
	for _, name := range []string{"at", "pinned_at", "vs_at"} {
		at, err := time.Parse(time.RFC3339Nano, form.Get(name))
		if err != nil {
			continue
		}
		if whole := at.Truncate(time.Second); !whole.Equal(at) {
			at = whole.Add(time.Second)
		}
		form.SetTime(name, &at)
		form.Set(name, at.In(form.Zone).Format("2006-01-02T15:04:05"))
	}
}
