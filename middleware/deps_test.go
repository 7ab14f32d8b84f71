package middleware_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// reached lists the packages outside the standard library that a package needs.
func reached(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", pkg, err, out)
	}
	packages := strings.Fields(string(out))
	if len(packages) == 0 || packages[len(packages)-1] != pkg {
		t.Fatalf("go list %s ends with %q", pkg, packages)
	}
	return packages
}

func TestTheMiddlewareReachesNoDatabaseAndNoBuildTool(t *testing.T) {
	heavy := regexp.MustCompile(`gorm|esbuild|pgx|lib/pq|sqlite|mysql|goose|chromedp|kong|gonum|rapid|prometheus|opentelemetry|` +
		`toprent/flags/(models|changes|directory|handlers|views|migrations|flagtest|e2e|internal)`)
	for _, pkg := range reached(t, "github.com/toprent/flags/middleware") {
		if heavy.MatchString(pkg) {
			t.Errorf("the middleware reaches %s: every host would have to download it", pkg)
		}
	}
}

func TestTheEngineReachesAHashAndAVersionParserOnly(t *testing.T) {
	for _, pkg := range reached(t, "github.com/toprent/flags/ruleset") {
		switch pkg {
		case "github.com/cespare/xxhash/v2", "github.com/Masterminds/semver/v3", "github.com/toprent/flags/ruleset":
		default:
			t.Errorf("the engine reaches %s", pkg)
		}
	}
}
