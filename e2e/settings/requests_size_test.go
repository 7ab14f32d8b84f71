package settings

import (
	"fmt"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

func TestARequestOfAnySizeIsShownInPart(t *testing.T) {
	site := protectedSite(t, 1)
	edits := make([]changes.Edit, 5000)
	for i := range edits {
		edits[i] = changes.PutOverride{Override: ruleset.Override{Flag: "new-home", User: fmt.Sprintf("<b>u-%d", i), Variant: "on"}}
	}
	by := changes.Actor{ID: "p-eve", Name: "eve"}
	writing := changes.New(site.Store)
	r, err := writing.Request(t.Context(), "production", by, changes.Content{Title: "<script>alert(1)</script>", Reason: "many", Steps: []changes.Planned{{Edits: edits}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 150 {
		if err := writing.Comment(t.Context(), r.ID, by, fmt.Sprintf("comment-%d-<img src=x>", i)); err != nil {
			t.Fatal(err)
		}
	}
	page := site.As("approver").Opens(fmt.Sprintf("/requests/production/%d", r.ID))
	page.Sees("and 4800 more", "52 entries before these stand in the audit", "comment-149-<img src=x>", "<script>alert(1)</script>").Lacks("comment-10-")
	if n := page.Find("main script, main img, main b").Length(); n != 0 {
		t.Errorf("%d elements come from what people wrote", n)
	}
	if whole := site.As("approver").Opens(fmt.Sprintf("/requests/production/%d?show=all", r.ID)); whole.Find(".steps .lines-list li").Length() != len(edits) {
		t.Errorf("%d lines are shown to who asks for all of them", whole.Find(".steps .lines-list li").Length())
	}
	if href, _ := page.Find(`.panel a[href$="?show=all"]`).Attr("href"); href == "" {
		t.Error("nothing leads to the lines that are not shown")
	}
}
