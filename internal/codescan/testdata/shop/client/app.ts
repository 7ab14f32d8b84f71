// flags.isEnabled("line-comment")
/* flags.isEnabled("block-comment") */
const KEY = "by-constant";
const { isEnabled } = window.flags;
const text = "flags.isEnabled('in-a-text')";
const pattern = /flags.isEnabled("in-a-regexp")\//;
if (flags.isEnabled("plain")) {}
if (window.flags?.isEnabled(
  'over-lines',
)) {}
flags.value<Record<string, number>>("typed", {});
flags!.isEnabled(`in-backticks`);
flags.isEnabled(KEY);
isEnabled("taken-out");
flags.isEnabled("dyn-" + name);
flags.isEnabled(`dyn-${name}`);
flags.isEnabled(unknown);
const nested = `a ${flags.isEnabled("in-a-literal") ? `b` : "c"} flags.isEnabled("in-literal-text")`;
const half = 6 / 2 / 1; flags.isEnabled("after-division");
other.isEnabled("not-a-flag"); form.value("not-a-flag");
