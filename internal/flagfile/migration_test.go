package flagfile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func migrationFile(more string) string {
	return "version: 1\nflags:\n  - key: clients\n    purpose: p\n    planned_removal: 2027-05-01\n    kind: migration\n" + more
}

func TestAStagedMigrationNeedsNoVariants(t *testing.T) {
	short := migrationFile(`    type: string
    environments:
      development: {enabled: true, otherwise: dualwrite, rules: [{when: {segment: pilots}, serve: shadow}, {percent: {unit: tenant, share: 10, serve: shadow}}]}
environments: {production: {}}
`)
	d := read(t, "f.yaml", short)
	for i, present := range []string{"dualwrite", "off"} {
		flag := d.Environments[i].Definition.Flags[0]
		if flag.Otherwise != present || flag.Off != present || flag.Default != present || !reflect.DeepEqual(flag.Variants, (&ruleset.Flag{Kind: ruleset.Migration, Type: ruleset.String}).AllVariants()) {
			t.Errorf("%s: %+v", d.Environments[i].Name, flag)
		}
	}
	data := string(written(t, d, false))
	for _, unsaid := range []string{"variants", "off:", "default"} {
		if strings.Contains(data, unsaid) {
			t.Errorf("%s is written:\n%s", unsaid, data)
		}
	}
	if again := read(t, "f.yaml", data); !reflect.DeepEqual(again, d) {
		t.Errorf("read back as %+v, was %+v", again, d)
	}
	if long := read(t, "f.yaml", strings.Replace(short, "    type: string\n", "    type: string\n    variants: {off: off, dualwrite: dualwrite, shadow: shadow, live: live, rampdown: rampdown, complete: complete}\n", 1)); !reflect.DeepEqual(long, d) {
		t.Errorf("with the stages spelt out: %+v", long)
	}
}

func TestMistakesInMigrationsAreToldWithTheirPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"    type: string\n    variants: {old: old, new: new}\n    environments: {development: {}}\n":                                             `f.yaml:8:15: flag "clients", variants: the variants of a staged migration flag are off, dualwrite, shadow`,
		"    type: number\n    variants: {old: 1}\n    environments: {development: {off: old, otherwise: old, default: old}}\n":                   `flag "clients", type: a migration flag is of type string`,
		"    type: string\n    environments: {development: {otherwise: live, default: off}}\n":                                                    `f.yaml:8:60: flag "clients": default of a migration flag is always the present stage, which is what otherwise says (live): leave it out`,
		"    type: string\n    environments: {development: {otherwise: live, off: off}}\n":                                                        `off of a migration flag is always the present stage`,
		"    type: boolean\n    environments: {development: {otherwise: on, default: off}}\n":                                                     `default of a migration flag is always the present stage, which is what otherwise says (on)`,
		"    type: string\n    environments: {development: {rules: [{percent: {share: 10, serve: live}}]}}\n":                                     `f.yaml:8:52: flag "clients", rules[0].percent.unit: counts "user", but all of a tenant must meet the same database`,
		"    type: string\n    environments: {development: {rules: [{when: {attribute: country, operator: exists}, serve: live}]}}\n":             `"country" may differ between two requests of a tenant`,
		"    type: string\n    environments: {development: {}}\noverrides: [{flag: clients, environment: development, user: u, variant: live}]\n": `a migration flag has no overrides of users`,
	} {
		_, err := Read("f.yaml", []byte(migrationFile(text)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %s", err, want)
		}
	}
	two := read(t, "f.yaml", migrationFile("    type: boolean\n    environments: {development: {otherwise: on, off: off, default: on}}\n"))
	if flag := two.Environments[0].Definition.Flags[0]; flag.Default != "on" || flag.Off != "off" {
		t.Errorf("two stages: %+v", flag)
	}
}
