package ruleset_test

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func keysOf(details iter.Seq[ruleset.Detail]) string {
	var keys []string
	for d := range details {
		keys = append(keys, d.Key)
	}
	return strings.Join(keys, " ")
}

func TestReadsAreWhatWasAskedFor(t *testing.T) {
	r := sound(t, define(boolean("a", serve("on")), boolean("b"), boolean("c"), tier(boolean("d", serve("on")), "pro"), tier(boolean("e"), "pro")))
	var reads ruleset.Reads
	plain := r.Evaluate(ruleset.Subject{Plan: "free"}, noon)
	v := plain.Noting(&reads)
	v.On("c")
	v.On("a")
	v.On("a")
	v.On("missing")
	v.Reason("b")
	v.Upgradable("d")
	v.Upgradable("e") // an upgrade would not turn it on
	if read, offered := keysOf(v.Read()), keysOf(v.Offered()); read != "a c" || offered != "d" {
		t.Errorf("read: %s; offered: %s", read, offered)
	}
	if read := keysOf(plain.Read()); read != "" {
		t.Errorf("values that nobody noted: %s", read)
	}
	v.Enabled()
	if read := keysOf(v.Read()); read != "a b c d e" {
		t.Errorf("all were asked for: %s", read)
	}
}

func TestReadsHaveRoomForThousandsOfFlags(t *testing.T) {
	var d ruleset.Definition
	for i := range 5000 {
		d.Flags = append(d.Flags, boolean(fmt.Sprintf("f-%04d", i)))
	}
	v := sound(t, d).Evaluate(ruleset.Subject{}, noon)
	var reads ruleset.Reads
	v = v.Noting(&reads)
	for _, key := range []string{"f-4999", "f-0000", "f-0255", "f-0256", "f-0319", "f-0320"} {
		v.On(key)
	}
	if read := keysOf(v.Read()); read != "f-0000 f-0255 f-0256 f-0319 f-0320 f-4999" {
		t.Errorf("read: %s", read)
	}
}

func TestDigestsTellWhatWasShownToWhom(t *testing.T) {
	r := sound(t, define(boolean("a", percent(50, "on")), boolean("b"), tier(boolean("d", serve("on")), "pro")))
	digest := func(user, plan string, person uint64, keys ...string) uint64 {
		var reads ruleset.Reads
		v := r.Evaluate(ruleset.Subject{User: user, Plan: plan}, noon).Noting(&reads)
		for _, key := range keys {
			v.On(key)
		}
		if plan == "offer" {
			v = r.Evaluate(ruleset.Subject{User: user, Plan: "free"}, noon).Noting(&reads)
			v.Upgradable("d")
		}
		return v.ReadDigest(person)
	}
	seen := map[uint64]string{}
	different := func(what string, sum uint64) {
		if other, twice := seen[sum]; twice {
			t.Errorf("%s and %s have the same digest", what, other)
		}
		seen[sum] = what
	}
	in, out := "user-1", "user-1"
	for i := 0; in == out; i++ {
		if user := fmt.Sprintf("user-%d", i); r.Evaluate(ruleset.Subject{User: user}, noon).On("a") {
			in = user
		} else {
			out = user
		}
		if i > 100 {
			t.Fatal("nobody is in, or nobody is out")
		}
	}
	different("nothing", digest(in, "free", 1))
	different("a on", digest(in, "free", 1, "a"))
	different("a off", digest(out, "free", 1, "a"))
	different("another person", digest(in, "free", 2, "a"))
	different("b", digest(in, "free", 1, "b"))
	different("both", digest(in, "free", 1, "a", "b"))
	different("an offer", digest(in, "offer", 1))
	if digest(in, "free", 1) != 0 || digest(in, "free", 1, "a", "b") != digest(in, "free", 1, "b", "a") {
		t.Error("nothing has a digest, or the order matters")
	}
}
