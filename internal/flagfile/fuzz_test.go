package flagfile

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// FuzzRead: whatever a file holds, Read gives mistakes or a document; a document survives being written and read.
func FuzzRead(f *testing.F) {
	f.Add(exampleData(f), false)
	f.Add([]byte(flagsFile("    type: json\n    variants: {a: {b: [1, ~, \"\\u00e9\"]}, c: |\n      x\n}\n")+head), false)
	f.Add([]byte(ruleFile("{name: r, when: {all: [{not: {segment: s}}]}, percent: {share: 12.5, serve: on}}")), false)
	f.Add([]byte(`{"version": 1, "environments": {"production": {"plans": [{"key": "a", "rank": 1, "title": "\ud83d\ude00"}]}}}`), true)
	f.Fuzz(func(t *testing.T, data []byte, inJSON bool) {
		name := map[bool]string{true: "f.json", false: "f.yaml"}[inJSON]
		file, err := Read(name, data)
		if err != nil {
			var ms Mistakes
			if !errors.As(err, &ms) || len(ms) == 0 {
				t.Fatalf("the error is %T (%v), want Mistakes", err, err)
			}
			return
		}
		for _, inJSON := range []bool{false, true} {
			out := written(t, file.Document, inJSON)
			again, err := Read(map[bool]string{true: "f.json", false: "f.yaml"}[inJSON], out)
			if err != nil {
				t.Fatalf("%v\nwas accepted as\n%s\nand written as\n%s", err, data, out)
			}
			if !reflect.DeepEqual(again.Document, file.Document) {
				t.Fatalf("%s\nwas written as\n%s\nand read as\n%+v\ninstead of\n%+v", data, out, again.Document, file.Document)
			}
		}
	})
}

// FuzzDocuments lets the fuzzer choose documents, which get further than bytes do.
func FuzzDocuments(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		d := documents(t)
		data := written(t, d, false)
		file, err := Read("f.yaml", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if !reflect.DeepEqual(file.Document, d) {
			t.Fatalf("%s\nread as %+v\ninstead of %+v", data, file.Document, d)
		}
	}))
}
