package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// reaches is the impact of a change that reaches somebody, as it is kept.
func reaches(user string) string {
	text, err := json.Marshal(map[string]any{"state": "counted", "people": 1, "flags": []any{map[string]any{"key": "dora",
		"moves": []any{map[string]any{"from": map[string]any{"variant": "off"}, "to": map[string]any{"variant": "on"}, "people": 1, "sample": []any{map[string]any{"id": user, "plan": "dora"}}}}}}})
	if err != nil {
		panic(err) // it is a constant
	}
	return string(text)
}

// gives is the edit that gives a user an override.
func gives(flag, user string) changes.PutOverride {
	return changes.PutOverride{Override: ruleset.Override{Flag: flag, User: user, Variant: "off"}}
}

// holds counts the rows that hold a text in any column of a table.
func (s *storage) holds(table, text string) (rows int) {
	s.t.Helper()
	all, err := sqlOf(s.t, s.store).QueryContext(s.t.Context(), "SELECT * FROM "+table)
	if err != nil {
		s.t.Fatal(err)
	}
	defer all.Close()
	columns, err := all.Columns()
	if err != nil {
		s.t.Fatal(err)
	}
	for all.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := all.Scan(into...); err != nil {
			s.t.Fatal(err)
		}
		for _, value := range values {
			if strings.Contains(fmt.Sprintf("%s", value), text) {
				rows++
				break
			}
		}
	}
	return rows
}

// forgetCases forget people who are in the middle of something. One of them is called as a flag is, and another has
// characters in the name that JSON may escape.
var forgetCases = map[string]func(*testing.T, *storage){
	"who is forgotten leaves requests and impacts as they were, without the name": func(t *testing.T, s *storage) {
		s.publishes(newFlag("dora"), newFlag("b"))
		const emil = `emil&<"x">%_é`
		_, err := s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Reason: "a test", Impact: reaches("dora"),
			Edits: []changes.Edit{gives("b", "someone")}})
		if err != nil {
			t.Fatal(err)
		}
		s.protects(1)
		dora := changes.Actor{ID: "dora", Name: "dora"}
		plan := changes.Content{Title: "For some", Reason: "they asked", Impact: reaches("dora"), Steps: []changes.Planned{{Edits: []changes.Edit{
			gives("dora", "dora"), gives("dora", emil), gives("b", "ben"),
			changes.PutSegment{Segment: ruleset.Segment{Key: "dora", When: ruleset.Condition{Attribute: "user", Operator: ruleset.In, Values: ruleset.Texts{"dora", emil}}}}}}}}
		open, err := s.changes.Request(t.Context(), prod, dora, plan, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.changes.Comment(t.Context(), open.ID, dora, "please"); err != nil {
			t.Fatal(err)
		}
		ready := s.approves(s.asks(gives("dora", "eve")), dora)
		if _, err := s.changes.KillBy(t.Context(), prod, "b", dora, "it burns"); err != nil {
			t.Fatal(err)
		}
		s.writes("INSERT INTO code_uploads (id, repository, branch, commit_id, uses, dynamic, uploaded_at, uploaded_by) VALUES (?, 'shop', 'main', 'abcdef1', 0, 0, ?, 'dora')",
			"7e57d004-2b97-4e7a-b45f-5387367791cd", models.At(open.CreatedAt.Time))

		for _, name := range []string{"dora", emil} {
			forgotten, err := s.changes.Forget(t.Context(), []string{name}, "dpo")
			if err != nil {
				t.Fatal(err)
			}
			report, err := audit.New(s.store, audit.Options{}).Verify(t.Context(), nil, nil)
			if err != nil || !report.OK() {
				t.Errorf("after %q is forgotten the audit is %+v, %v", name, report, err)
			}
			if forgotten.Replaced == 0 {
				t.Errorf("%+v", forgotten)
			}
		}
		for _, table := range []string{"change_request_events", "emergencies", "code_uploads"} {
			if n := s.holds(table, "dora"); n > 0 {
				t.Errorf("%d rows of %s hold the name", n, table)
			}
		}
		for table, column := range map[string]string{"change_requests": "impact", "change_request_steps": "edits", "revision_notes": "impact"} {
			rows, err := sqlOf(t, s.store).QueryContext(t.Context(), "SELECT "+column+" FROM "+table+" WHERE "+column+" <> ''")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var text string
				if err := rows.Scan(&text); err != nil {
					t.Fatal(err)
				}
				var content any
				if err := json.Unmarshal([]byte(text), &content); err != nil {
					t.Errorf("%s holds %s: %v", table, text, err)
				}
				if people := peopleIn("", content); strings.Contains(fmt.Sprint(people), "dora") || strings.Contains(fmt.Sprint(people), "emil") {
					t.Errorf("%s still names %q", table, people)
				}
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}

		r := s.request(open.ID)
		if r.Author == "dora" || r.AuthorID == "dora" || r.Status != changes.InReview || len(r.Steps[0].Edits) != 4 {
			t.Errorf("%+v", r)
		}
		previews, err := s.changes.PreviewSteps(t.Context(), prod, "ann", [][]changes.Edit{r.Steps[0].Edits})
		if err != nil || len(previews[0].Problems)+len(previews[0].Conflicts) > 0 || !strings.Contains(fmt.Sprint(previews[0].Lines), "ben") {
			t.Errorf("%+v, %v", previews, err)
		}
		if put, ok := r.Steps[0].Edits[0].(changes.PutOverride); !ok || put.Override.Flag != "dora" || !strings.HasPrefix(put.Override.User, "forgotten-") {
			t.Errorf("%+v", r.Steps[0].Edits[0])
		}
		s.applies(s.approves(r, abe))
		if again := s.request(ready.ID); again.Status != changes.Approved || len(again.Approvals()) != 1 {
			t.Errorf("%+v", again)
		}
		if held := s.now().Overrides; strings.Contains(fmt.Sprint(held), "User:dora") || strings.Contains(fmt.Sprint(held), "emil") {
			t.Errorf("%+v", held)
		}
	},
}

// peopleIn are the texts that stand where names of people do.
func peopleIn(field string, value any) (people []string) {
	switch value := value.(type) {
	case string:
		switch strings.ToLower(field) {
		case "user", "id", "values":
			return []string{value}
		}
	case []any:
		for _, inner := range value {
			people = append(people, peopleIn(field, inner)...)
		}
	case map[string]any:
		for name, inner := range value {
			people = append(people, peopleIn(name, inner)...)
		}
	}
	return people
}
