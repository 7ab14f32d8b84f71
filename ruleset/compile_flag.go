package ruleset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// flagCompiler compiles one flag.
type flagCompiler struct {
	*compiler
	source *Flag
	flag   *flag
	rule   string // name of the rule being compiled
}

func (c *flagCompiler) at(path string, args ...any) Problem {
	return Problem{Flag: c.source.Key, Rule: c.rule, Path: fmt.Sprintf(path, args...)}
}

func (c *flagCompiler) compile() {
	c.flag.gate = c.plans.gateOf(c.source.Key, c.source.Kind, c.source.TierRequired)
	c.flag.off, c.flag.otherwise, c.flag.fallback = noVariant, noVariant, noVariant
	c.checkDefinition()
	c.compileVariants()
	if !c.flag.staged {
		c.flag.off = c.off()
	}
	c.flag.otherwise = c.special("otherwise", c.source.Otherwise)
	if c.source.Kind == Migration {
		c.compilePresent()
	} else {
		c.flag.fallback = c.special("default", c.source.Default)
	}
	if c.source.Malformed != "" {
		return
	}
	c.compileRules()
}

// compilePresent: a migration's default is the present stage, and a staged one's off too, whatever is stored as such. A
// staged flag with a gate has a mistake; it is not for a plan to say who meets which database.
func (c *flagCompiler) compilePresent() {
	c.flag.fallback = c.flag.otherwise
	if c.flag.staged {
		c.flag.off = c.flag.otherwise
		if !c.source.Archived {
			c.flag.gate = nil
		}
	}
}

func (c *flagCompiler) checkDefinition() {
	s := c.source
	if s.Malformed != "" {
		c.report(c.at(""), "cannot be read from storage: %s", s.Malformed)
	}
	if !ValidKey(s.Key) {
		c.report(c.at(""), "%s", keyHelp)
	}
	if !slices.Contains(Kinds, s.Kind) {
		c.report(c.at("kind"), "%q is no kind of flag: use one of %v", s.Kind, Kinds)
	}
	if !slices.Contains(Types, s.Type) {
		c.report(c.at("type"), "%q is no type of value: use one of %v", s.Type, Types)
	}
	if s.Salt == "" {
		c.report(c.at("salt"), "is empty: a flag's salt is set when it is created")
	}
	if _, known := c.plans.byKey[s.TierRequired]; s.TierRequired != "" && !known {
		c.report(c.at("tier_required"), "there is no plan %q: define it or name another", s.TierRequired)
	}
}

func (c *flagCompiler) compileVariants() {
	variants := c.source.AllVariants()
	if len(variants) == 0 && c.source.Malformed == "" {
		c.report(c.at("variants"), "a %s flag needs at least one variant", c.source.Type)
	}
	if len(variants) > MaxVariants {
		c.report(c.at("variants"), "%d variants: at most %d are allowed", len(variants), MaxVariants)
		variants = variants[:MaxVariants]
	}
	for i, v := range variants {
		if !ValidVariant(v.Name) {
			c.report(c.at("variants[%d].name", i), "%q is no variant's name: use letters, digits, dots, dashes and underscores", v.Name)
		}
		if c.flag.variantNamed(v.Name) != noVariant {
			c.report(c.at("variants[%d].name", i), "variant %q is defined twice: remove one", v.Name)
		}
		compiled, err := compileVariant(c.source.Key, c.source.Type, v)
		if err != nil {
			c.report(c.at("variants[%d].value", i), "variant %q: %v", v.Name, err)
		}
		c.flag.variants = append(c.flag.variants, compiled)
	}
}

func compileVariant(key string, t Type, source Variant) (variant, error) {
	v := variant{name: source.Name, raw: []byte("null")}
	if len(source.Value) > MaxVariantValue {
		return v, fmt.Errorf("its value is %d bytes of JSON: at most %d are allowed", len(source.Value), MaxVariantValue)
	}
	var decoded any
	if err := json.Unmarshal(source.Value, &decoded); err != nil {
		return v, fmt.Errorf("its value is no JSON: %v", err)
	}
	ok := true
	switch t {
	case Boolean:
		v.on, ok = decoded.(bool)
	case JSON:
		v.on, _ = decoded.(bool)
	case String:
		_, ok = decoded.(string)
	case Number:
		var n float64
		n, ok = decoded.(float64)
		ok = ok && !math.IsInf(n, 0)
	}
	if !ok {
		return v, fmt.Errorf("its value %s is no %s", source.Value, t)
	}
	v.value = decoded
	v.raw = safeJSON(source.Value)
	v.fragment = slices.Concat([]byte(","), jsonKey(key), []byte(":"), v.raw)
	return v, nil
}

// jsonKey is a key as JSON. Even that of a flag that is set aside: a stored one may be anything.
func jsonKey(key string) []byte {
	encoded, _ := json.Marshal(key) // a string always can be
	return encoded
}

// safeJSON compacts JSON and escapes what would end a script element.
func safeJSON(raw []byte) []byte {
	var compact, safe bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return []byte("null")
	}
	json.HTMLEscape(&safe, compact.Bytes())
	return safe.Bytes()
}

// off finds the variant that a killed, gated or disabled flag serves. It is not boolean true: else a plan that excludes
// the flag would turn it on.
func (c *flagCompiler) off() variantIndex {
	v := c.special("off", c.source.Off)
	if v != noVariant && c.flag.variants[v].on {
		c.report(c.at("off"), "variant %q is true: name one that is false", c.flag.variants[v].name)
		return noVariant
	}
	return v
}

// special finds the variant of off, otherwise or default. A boolean's and a staged flag's default to off.
func (c *flagCompiler) special(field, name string) variantIndex {
	if name == "" && (c.source.Type == Boolean || c.flag.staged) {
		name = "off"
	}
	v := c.flag.variantNamed(name)
	switch {
	case v != noVariant || c.source.Malformed != "":
	case name == "":
		c.report(c.at("%s", field), "is empty: name the variant to serve")
	default:
		c.report(c.at("%s", field), "there is no variant %q: %s", name, c.variantNames())
	}
	return v
}

func (c *flagCompiler) variantNames() string {
	names := make([]string, len(c.flag.variants))
	for i, v := range c.flag.variants {
		names[i] = v.name
	}
	return fmt.Sprintf("the flag has %q", names)
}

// served finds a variant that a rule serves.
func (c *flagCompiler) served(name, path string, args ...any) variantIndex {
	v := c.flag.variantNamed(name)
	if v == noVariant {
		c.report(c.at(path, args...), "there is no variant %q: %s", name, c.variantNames())
	}
	return v
}

func (c *flagCompiler) compileRules() {
	if len(c.source.Rules) > MaxRules {
		c.report(c.at("rules"), "%d rules: at most %d are allowed", len(c.source.Rules), MaxRules)
		return
	}
	budget := MaxConditions
	for i := range c.source.Rules {
		c.rule = c.source.Rules[i].Name
		c.flag.rules = append(c.flag.rules, c.compileRule(i, &budget))
	}
	c.rule = ""
}

func (c *flagCompiler) compileRule(i int, budget *int) rule {
	source := &c.source.Rules[i]
	path := fmt.Sprintf("rules[%d]", i)
	r := rule{name: source.Name, serve: noVariant}
	if source.When != nil {
		cc := &conditionCompiler{compiler: c.compiler, at: c.at, budget: budget, used: &c.flag.segments}
		when := cc.compile(source.When, path+".when", 1)
		r.when = &when
		c.flag.timed = c.flag.timed || cc.timed
	}
	actions := 0
	if source.Serve != "" {
		actions++
		r.serve = c.served(source.Serve, "%s.serve", path)
	}
	if source.Percent != nil {
		actions++
		r.percent = c.compilePercent(source, path+".percent")
		r.serve = c.served(source.Percent.Serve, "%s.percent.serve", path)
	}
	if source.Split != nil {
		actions++
		r.split = c.compileSplit(source, path+".split")
	}
	if actions != 1 {
		c.report(c.at("%s", path), "a rule needs exactly one of serve, percent and split; this one has %d", actions)
	}
	return r
}

func (c *flagCompiler) compilePercent(source *Rule, path string) *percent {
	s := source.Percent
	p := &percent{unit: c.unit(s.Unit, path), seed: seed(c.source.Salt, purposePercent, source.Seed), share: s.Share, from: s.From, to: s.To}
	for _, share := range [...]struct {
		name  string
		share Share
	}{{"share", s.Share}, {"from", s.From}, {"to", s.To}} {
		if share.share > Everyone {
			c.report(c.at("%s.%s", path, share.name), "%s: must be at most 100 (percent)", share.share)
		}
	}
	switch {
	case !s.Moving() && (s.From != 0 || s.To != 0):
		c.report(c.at("%s", path), "a percentage that moves from one share to another needs start and end")
	case !s.Moving():
		if s.Share < Everyone {
			p.threshold = s.Share.threshold()
		}
	case s.Start == nil || s.End == nil:
		c.report(c.at("%s", path), "a percentage that moves needs both start and end")
	case s.Share != 0:
		c.report(c.at("%s.share", path), "a percentage has either a share, or from, to, start and end")
	case s.End.Sub(*s.Start) < time.Second:
		c.report(c.at("%s.end", path), "must be at least a second after start")
	default:
		p.moving, p.start, p.end = true, *s.Start, *s.End
		c.flag.timed = true
	}
	if s.Calibrated != nil {
		c.compileCalibration(p, s, path)
	}
	return p
}

func (c *flagCompiler) compileSplit(source *Rule, path string) *split {
	s := &split{unit: c.unit(source.Split.Unit, path), seed: seed(c.source.Salt, purposeSplit, source.Seed)}
	var total uint64
	for i, v := range c.flag.variants { // stored order: a map has none
		weight, ok := source.Split.Weights[v.name]
		if !ok {
			continue
		}
		if weight == 0 || weight > maxWeight {
			c.report(c.at("%s.weights.%s", path, v.name), "weight %s: must be above 0 and at most %d; leave the variant out instead of 0", weight, maxWeight/1000)
			continue
		}
		total += uint64(weight)
		s.ranges = append(s.ranges, splitRange{variant: variantIndex(i), weight: weight})
	}
	for _, name := range slices.Sorted(maps.Keys(source.Split.Weights)) {
		c.served(name, "%s.weights.%s", path, name)
	}
	if len(source.Split.Weights) == 0 {
		c.report(c.at("%s.weights", path), "a split needs at least one variant with a weight")
	}
	s.setEnds(total)
	return s
}

// unit gives the place of a rollout's unit.
func (c *flagCompiler) unit(name, path string) int {
	switch name {
	case "", AttributeUser:
		return unitUser
	case AttributeVisitor:
		return slotVisitor
	case AttributeTenant:
		return slotTenant
	case AttributePlan, AttributePlanRank, AttributeNow:
		c.report(c.at("%s.unit", path), "%q cannot be a unit: use user, visitor, tenant or an attribute", name)
		return unitUser
	}
	return c.slot(name)
}

// slot gives an attribute its place in the evaluation.
func (c *compiler) slot(attribute string) int {
	i := slices.Index(c.attributes, attribute)
	if i < 0 {
		i = len(c.attributes)
		c.attributes = append(c.attributes, attribute)
	}
	return reservedSlots + i
}
