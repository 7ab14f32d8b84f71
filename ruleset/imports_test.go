package ruleset_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The package's promise is kept by what it cannot reach: beside the standard library only a hash and a parser of
// versions, and of the standard library neither the network nor processes nor randomness.
func TestNothingButTheStandardLibraryAndTwoHelpersIsReached(t *testing.T) {
	reached := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	slices.Sort(reached)
	want := []string{"github.com/Masterminds/semver/v3", "github.com/cespare/xxhash/v2", "github.com/toprent/flags/ruleset"}
	if !slices.Equal(reached, want) {
		t.Errorf("reaches %v, want %v", reached, want)
	}
	for _, path := range goList(t, "-deps", ".") {
		if slices.Contains([]string{"net", "net/http", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "log", "database/sql"}, path) {
			t.Errorf("reaches %s", path)
		}
	}
	for _, path := range goList(t, "-f", `{{join .Imports "\n"}}`, ".") {
		if slices.Contains([]string{"os", "io", "io/fs", "path/filepath", "syscall", "context", "unsafe"}, path) {
			t.Errorf("imports %s", path)
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// An import of time is needed for times; its clock and its timers are not.
func TestNoClockIsRead(t *testing.T) {
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)\b`)
	sources, err := filepath.Glob("*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if use := clock.Find(source); use != nil {
			t.Errorf("%s uses %s", name, use)
		}
	}
}
