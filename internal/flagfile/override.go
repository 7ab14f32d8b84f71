package flagfile

import (
	"github.com/toprent/flags/ruleset"
)

// override is an override and the environment that it is for.
type override struct {
	environment string
	node        *node
	ruleset.Override
}

func (p place) readOverride(n *node) (override, bool) {
	f, ok := p.fields(n, "an override", "flag", "environment", "user", "tenant", "variant", "reason", "expires_at")
	if !ok {
		return override{}, false
	}
	flag := f.text("flag")
	f.place = p.named("override of flag", flag)
	o := override{environment: f.text("environment"), node: n, Override: ruleset.Override{
		Flag: flag, User: f.text("user"), Tenant: f.text("tenant"),
		Variant: f.variant("variant"), Reason: f.text("reason"), Expires: f.instant("expires_at"),
	}}
	for _, name := range []string{"flag", "environment", "variant"} {
		if f.value(name) == nil {
			f.missing(name, "an override names a flag, an environment, a user or a tenant, and a variant")
		}
	}
	at := f.value("environment")
	if at == nil || at.spoilt || !f.environmentName(o.environment, at.pos) {
		return o, false
	}
	return o, true
}
