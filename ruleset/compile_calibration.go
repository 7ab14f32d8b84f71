package ruleset

import "math"

// compileCalibration checks a calibration, and puts its threshold in the place of the share's own.
func (c *flagCompiler) compileCalibration(p *percent, source *Percent, path string) {
	k := source.Calibrated
	unit := source.CountedBy()
	refuse := func(field, format string, args ...any) { c.report(c.at("%s.%s", path, field), format, args...) }
	switch {
	case source.Moving():
		refuse("calibrated", "only a fixed share can be exact: one that moves cannot be counted ahead")
		return
	case unit == AttributeVisitor:
		refuse("calibrated", "visitors are not counted one by one, so their share cannot be exact: count by user, tenant or an attribute")
		return
	case k.Asks():
		refuse("calibrated", "asks for exactly this share, but nobody has been counted yet: publish it from the settings pages, which count those seen, or leave calibrated out")
		return
	}
	threshold, err := parseThreshold(k.Threshold)
	if err != nil {
		refuse("calibrated.threshold", "%v", err)
	}
	switch {
	case k.Again:
		refuse("calibrated.again", "is calibrated already: leave again out")
	case k.Share != source.Share:
		refuse("calibrated.share", "was calibrated for %s %%, but the share is %s %%: calibrate it again, or leave calibrated out", k.Share, source.Share)
	case k.Of != unit:
		refuse("calibrated.of", "was calibrated for %q, but %q is counted: calibrate it again, or leave calibrated out", k.Of, unit)
	case k.Known < 0 || k.Known > MaxKnown:
		refuse("calibrated.known", "must be from 0 to %d", MaxKnown)
	case k.In < 0 || k.In > k.Known:
		refuse("calibrated.in", "must be from 0 to how many were known, %d", k.Known)
	case k.At.IsZero():
		refuse("calibrated.at", "is missing: when were they counted?")
	case source.Share == 0 && threshold != 0 || source.Share == Everyone && threshold != math.MaxUint64:
		refuse("calibrated.threshold", "0 %% is nobody (all digits 0) and 100 %% is everybody (all digits f)")
	}
	p.threshold, p.calibrated = threshold, true
}
