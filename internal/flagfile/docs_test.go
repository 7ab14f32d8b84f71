package flagfile

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func documentation(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/flags-file.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheDocumentationsExamplesCanBeRead(t *testing.T) {
	examples := regexp.MustCompile("(?s)```(yaml|json)\n(.*?)```").FindAllStringSubmatch(documentation(t), -1)
	if len(examples) < 6 {
		t.Fatalf("found %d examples", len(examples))
	}
	for _, e := range examples {
		if _, err := Read("example."+e[1], []byte(e[2])); err != nil {
			t.Errorf("%v\n%s", err, e[2])
		}
	}
}

func TestTheDocumentationNamesEveryFieldAndWord(t *testing.T) {
	doc := documentation(t)
	all := append(append(append(words(ruleset.Operators), words(ruleset.Kinds)...), words(ruleset.Types)...), globalFields...)
	all = append(append(all, entryFields...), shareableFields...)
	for _, word := range all {
		if !strings.Contains(doc, "`"+word+"`") {
			t.Errorf("%s is not explained", word)
		}
	}
}
