package cutover

import (
	"context"
	"errors"
	"testing"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/ruleset"
)

// byRegion has tenants of a region at one stage, and the others at another one.
func byRegion(otherwise, there ruleset.Stage) ruleset.Definition {
	d := staged("clients", otherwise, nil)
	d.Flags[0].Rules = []ruleset.Rule{{When: &ruleset.Condition{Attribute: "tenant.region", Operator: ruleset.In, Values: ruleset.Texts{"asia"}}, Serve: there.String()}}
	d.Overrides = []ruleset.Override{{Flag: "clients", Tenant: "named", Variant: otherwise.String(), Reason: "a test"}}
	return d
}

func regional(t *testing.T, otherwise, there ruleset.Stage) *router {
	t.Helper()
	source := flagtest.NewSource()
	source.Publish(byRegion(otherwise, there))
	r, _ := routed(t, source, "clients")
	return r
}

func asia(tenant string) *ruleset.Subject {
	return &ruleset.Subject{Tenant: tenant, Attributes: map[string]any{"tenant.region": "asia", "page": "/clients"}}
}

func TestARepairFindsATenantByItsAttributesAsTheRequestDid(t *testing.T) {
	r := regional(t, ruleset.StageShadow, ruleset.StageLive)
	ctx := t.Context()
	if _, err := r.onNew(ctx, "a"); !errors.Is(err, ErrUnknownTenant) {
		t.Errorf("of a tenant that nobody knows: %v", err)
	}
	if _, err := r.locate(ctx, "a", true); !errors.Is(err, ErrUnknownTenant) {
		t.Errorf("located: %v", err)
	}
	if onNew, err := r.onNew(ctx, "named"); onNew || err != nil {
		t.Errorf("of a tenant with an override: %t, %v", onNew, err)
	}
	route(r, asia("a"))
	if onNew, err := r.onNew(ctx, "a"); !onNew || err != nil {
		t.Errorf("after a request: %t, %v", onNew, err)
	}
	if place, err := r.locate(ctx, "a", true); err != nil || place.Stage != ruleset.StageLive {
		t.Errorf("located after a request: %+v, %v", place, err)
	}
	route(r, &ruleset.Subject{Tenant: "a", Attributes: map[string]any{"tenant.region": "europe"}})
	if onNew, err := r.onNew(ctx, "a"); onNew || err != nil {
		t.Errorf("after it has moved: %t, %v", onNew, err)
	}
	r.tenant = func(_ context.Context, tenant string, asks []string) (ruleset.Subject, error) {
		if tenant == "gone" || len(asks) != 1 || asks[0] != "tenant.region" {
			return ruleset.Subject{}, errors.New("no such tenant")
		}
		return *asia(tenant), nil
	}
	if onNew, err := r.onNew(ctx, "b"); !onNew || err != nil {
		t.Errorf("as the host says: %t, %v", onNew, err)
	}
	if _, err := r.onNew(ctx, "gone"); !errors.Is(err, ErrUnknownTenant) {
		t.Errorf("where the host does not know: %v", err)
	}
}

func TestAContextSaysWhatRulesAskOfATenant(t *testing.T) {
	e := &Entity[string, string, string, string]{stages: regional(t, ruleset.StageShadow, ruleset.StageLive)}
	ctx := WithSubject(t.Context(), *asia("a"))
	if place, err := e.Locate(ctx, "a", true); err != nil || place.Stage != ruleset.StageLive {
		t.Errorf("located by its region: %+v, %v", place, err)
	}
	if _, err := e.Locate(ctx, "b", true); !errors.Is(err, ErrUnknownTenant) {
		t.Errorf("another tenant, of which the context says nothing: %v", err)
	}
	europe := WithSubject(t.Context(), ruleset.Subject{Tenant: "c", Attributes: map[string]any{"tenant.region": "europe"}})
	if place, err := e.Locate(europe, "c", true); err != nil || place.Stage != ruleset.StageShadow {
		t.Errorf("located elsewhere: %+v, %v", place, err)
	}
}

func TestWhatATenantHadAnHourAgoIsNotWhatItHasNow(t *testing.T) {
	r := regional(t, ruleset.StageShadow, ruleset.StageLive)
	route(r, asia("a"))
	told, _ := r.current().rules.data.seen.Load("a")
	told.(*brought).at.Add(-int64(2 * freshly))
	if _, err := r.onNew(t.Context(), "a"); !errors.Is(err, ErrUnknownTenant) {
		t.Errorf("it may have asked other instances since: %v", err)
	}
	route(r, asia("a"))
	if onNew, err := r.onNew(t.Context(), "a"); !onNew || err != nil {
		t.Errorf("after another request: %t, %v", onNew, err)
	}
}

func TestAnUnknownTenantIsAtTheStageThatWritesBothSides(t *testing.T) {
	for _, test := range []struct{ otherwise, there, want ruleset.Stage }{
		{ruleset.StageOff, ruleset.StageDualWrite, ruleset.StageDualWrite},
		{ruleset.StageShadow, ruleset.StageDualWrite, ruleset.StageDualWrite},
		{ruleset.StageLive, ruleset.StageRampdown, ruleset.StageRampdown},
		{ruleset.StageComplete, ruleset.StageRampdown, ruleset.StageRampdown},
		{ruleset.StageLive, ruleset.StageLive, ruleset.StageLive},
	} {
		r := regional(t, test.otherwise, test.there)
		place, err := r.locate(t.Context(), "a", true)
		if err != nil || place.Stage != test.want {
			t.Errorf("%s or %s: %s, %v", test.otherwise, test.there, place.Stage, err)
			continue
		}
		place.end()
		if onNew, err := r.onNew(t.Context(), "a"); onNew != test.want.New() || err != nil {
			t.Errorf("%s or %s: on the new side %t, %v", test.otherwise, test.there, onNew, err)
		}
		if r.busy() {
			t.Error("a call is counted that is over")
		}
	}
}

func TestWhatARequestBroughtOutlivesItsMaps(t *testing.T) {
	r := regional(t, ruleset.StageShadow, ruleset.StageLive)
	subject := asia("a")
	route(r, subject)
	clear(subject.Attributes)
	if onNew, err := r.onNew(t.Context(), "a"); !onNew || err != nil {
		t.Errorf("%t, %v", onNew, err)
	}
}
