package ruleset_test
import ("testing";"fmt";"slices";"github.com/toprent/flags/ruleset")
func TestAdhoc(t *testing.T) {
	for set := range 12 { for _, fam := range families {
		units := ids(20000, fam.id)
		var draws [100][]uint8
		for f := range draws { salt := fmt.Sprintf("set%d-%d", set, f)
			draws[f] = binned(units, 8, func(u string) uint64 { return ruleset.Draw(salt,"percent","",u) }) }
		var ps []float64
		for a := range draws { for b := range a { ps = append(ps, independence(draws[a], draws[b], 8)) } }
		u := uniformity(ps)
		fmt.Printf("%d %s min %.2g ks %.3f\n", set, fam.name, slices.Min(ps), u)
	}}
}
