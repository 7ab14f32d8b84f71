package middleware

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Documents, with | where the injection goes; those without it take none.
var markedDocuments = map[string]string{
	"a page":                         "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n|<title>x</title></head><body></body></html>",
	"capitals":                       "<!DocType HTML><HTML><HeAd><META CHARSET=utf-8>|<TITLE>",
	"no doctype":                     "<html><head>|<title>x</title>",
	"no html tag":                    "<!doctype html>|<title>x</title>",
	"no head tag":                    "<!doctype html><html>|<body>x",
	"only a head tag":                "<head>|<title>x</title>",
	"an empty head":                  "<html><head>|</head><body>",
	"an empty document":              "<!doctype html><html>|</html>",
	"text at once":                   "<!doctype html> |text",
	"text after the metas":           "<html><meta name=a><meta name=b/>\n|text",
	"a script first":                 "<html><head>|<script>'</head><head>'</script>",
	"comments":                       "<!-- <head> --><html><!----><!--> <!---> <!-- a --!> <!-- a > - -> b <!-- c --><head><!-- <title> -->|<title>",
	"a comment that stays open":      "<html><!-- --- <head><title>x</title> -- >",
	"an attribute that stays open":   "<html><head a=\"><title>x</title>",
	"markup in attributes":           `<html a="<title>" b='>"<p>' c=><head>|<title>`,
	"quotes that are no quotes":      `<html "a><head b"c=d"e><meta f = '>' 'g>|<title '>`,
	"a dash in the end of a comment": "<html><!-- --!-> <p> --!>|<p>",
	"a value after a bare one":       `<html a=b c='>' d="><p>">|<p>`,
	"slashes and equals signs":       `<html/><head / =">|<p>`,
	"an unquoted value":              `<html a=b/><head c='"'d=e">|<p>`,
	"a quoted > in the doctype":      "<!doctype html public \"a>|\"><html>",
	"an XML declaration":             "<?xml version=\"1.0\"?><!doctype html><!ELEMENT a><![CDATA[ <p> |]]><html>",
	"bogus comments":                 "<!><?><html></></ title><!d><!doc type><!-x->|<title>",
	"look-alikes":                    "<html>|<header></header><head>",
	"longer names":                   "<html><head>|<metadata>",
	"names with other letters":       "<html><meta>|<meta-x>",
	"a lone <":                       "<!doctype html>|< html>",
	"a digit":                        "<!doctype html>|<1>",
	"a byte order mark":              "\ufeff<!doctype html>|<p>",
	"a mark and white space":         "\ufeff \r\n\f\t<html>|<p>",
	"a mark inside":                  "<html>|\ufeff<head>",
	"a NUL":                          "<html>|\x00<head>",

	"nothing":                     "",
	"white space":                 " \n",
	"a fragment":                  "<div><html><head></div>",
	"a fragment of metas":         "<meta name=a><!-- <html> --><title>x</title>",
	"text":                        "html",
	"text before the document":    "x<!doctype html><html>",
	"white space before a mark":   " \ufeff<html><p>",
	"half a mark":                 "\xef\xbb<html><p>",
	"names that only begin right": "<htm><html><head>",
	"UTF-16":                      "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00<\x00p\x00",
	"gzip":                        "\x1f\x8b\x08\x00<html><p>",

	"a doctype alone":          "<!doctype html>|",
	"a head that stays open":   "<html><head>\n<meta name=a>\n|",
	"an unfinished tag":        "<html>|<hea",
	"a < at the end":           "<html>|<",
	"a </ at the end":          "<html>|</",
	"an unfinished html tag":   "<!doctype html><html ",
	"an unfinished doctype":    "<!doctype html",
	"an unfinished </ comment": "<html></ ",
	"an unfinished <!":         "<html><!",
}

func TestTheInjectionStandsBeforeTheFirstThingThatIsNoMeta(t *testing.T) {
	for name, marked := range markedDocuments {
		t.Run(name, func(t *testing.T) {
			doc, want := unmark(marked)
			if got := inPieces(t, doc, everyByte(doc)); got != want {
				t.Errorf("place = %d, want %d\n%s", got, want, showPlace(doc, got))
			}
			if got := placeOracle(doc); got != want {
				t.Errorf("x/net/html says %d, the table %d", got, want)
			}
		})
	}
}

func TestASplitNeverMovesTheInjection(t *testing.T) {
	for name, marked := range markedDocuments {
		doc, want := unmark(marked)
		for i := range len(doc) + 1 {
			for j := i; j <= len(doc); j++ {
				if got := inPieces(t, doc, []int{i, j}); got != want {
					t.Fatalf("%s, split at %d and %d: place = %d, want %d", name, i, j, got, want)
				}
			}
		}
	}
}

// FuzzPlace compares the scanner with the tokenizer of x/net/html, which here,
// ahead of raw text and tree building, follows the standard exactly.
func FuzzPlace(f *testing.F) {
	for _, marked := range markedDocuments {
		doc, _ := unmark(marked)
		f.Add([]byte(doc), []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, page, cuts []byte) {
		doc, want := string(page), placeOracle(string(page))
		for _, at := range [][]int{nil, everyByte(doc), cutsFrom(len(doc), cuts)} {
			if got := inPieces(t, doc, at); got != want {
				t.Fatalf("%q in pieces %v: place = %d, want %d: %s", doc, at, got, want, showPlace(doc, want))
			}
		}
	})
}

// inPieces scans a document that is cut at the given offsets, holding back what
// it is asked to, and returns where the injection goes, or -1.
func inPieces(t *testing.T, doc string, cuts []int) int {
	t.Helper()
	var s scanner
	from, sent := 0, 0
	for _, to := range append(cuts, len(doc)) {
		at, p := s.scan([]byte(doc[from:to]))
		switch p {
		case placeFound:
			if from+at < sent {
				t.Fatalf("%q: the place, %d, was found after %d bytes had been let go", doc, from+at, sent)
			}
			return from + at
		case placeNone:
			return -1
		}
		if sent = from + at; to-sent > maxHeld {
			t.Fatalf("%q: %d bytes held back", doc, to-sent)
		}
		from = to
	}
	if s.atEnd() {
		return sent
	}
	return -1
}

// placeOracle is where the injection goes according to x/net/html, or -1.
func placeOracle(doc string) int {
	at, seen := 0, false
	if strings.HasPrefix(doc, "\ufeff") {
		at = len("\ufeff")
	}
	for z := html.NewTokenizer(strings.NewReader(doc[at:])); at < len(doc); {
		kind := z.Next()
		raw := string(z.Raw())
		stop, document := endsSearch(kind, raw)
		switch {
		case stop >= 0 && seen:
			return at + stop
		case stop >= 0 || kind != html.TextToken && unfinished(raw):
			return -1
		}
		seen = seen || document
		at += len(raw)
	}
	if seen {
		return at
	}
	return -1
}

// endsSearch says where in a token the search ends (-1: it goes on), and whether the
// token shows that this is a document.
func endsSearch(kind html.TokenType, raw string) (stop int, document bool) {
	switch kind {
	case html.TextToken:
		if rest := strings.TrimLeft(raw, htmlSpaces); rest != "" {
			return len(raw) - len(rest), false
		}
		return -1, false
	case html.CommentToken:
		return -1, false
	case html.DoctypeToken:
		return -1, true
	}
	name := strings.ToLower(raw[1:]) // a tag that stays open is an error token, so not TagName
	end := strings.IndexAny(name, htmlSpaces+"/>")
	if end < 0 {
		return 0, false
	}
	switch name[:end] {
	case "html", "head":
		return -1, true
	case "meta":
		return -1, false
	}
	return 0, false
}

const htmlSpaces = " \t\n\f\r"

// unfinished reports whether a token ran into the end of the document: another
// byte would belong to it.
func unfinished(raw string) bool {
	z := html.NewTokenizer(strings.NewReader(raw + "x"))
	z.Next()
	return len(z.Raw()) > len(raw)
}

func unmark(marked string) (doc string, place int) {
	before, after, ok := strings.Cut(marked, "|")
	if !ok {
		return marked, -1
	}
	return before + after, len(before)
}

func showPlace(doc string, at int) string {
	if at < 0 {
		return doc
	}
	return doc[:at] + "|" + doc[at:]
}

func everyByte(doc string) []int {
	var cuts []int
	for i := range len(doc) {
		cuts = append(cuts, i)
	}
	return cuts
}

// cutsFrom turns the bytes of a fuzzer into ascending offsets of at most n.
func cutsFrom(n int, sizes []byte) []int {
	var cuts []int
	for at, i := 0, 0; i < len(sizes); i++ {
		if at += int(sizes[i]); at > n {
			break
		}
		cuts = append(cuts, at)
	}
	return cuts
}

// tenKilobytePage is a page of a usual shape.
func tenKilobytePage() []byte {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Listings</title>\n</head>\n<body>\n")
	for b.Len() < 10_000 {
		b.WriteString("<p class=\"listing\">A flat with <em>three</em> rooms & a balcony</p>\n")
	}
	b.WriteString("</body>\n</html>\n")
	return b.Bytes()
}

func BenchmarkPlace(b *testing.B) {
	page := tenKilobytePage()
	b.ReportAllocs()
	for b.Loop() {
		var s scanner
		if _, p := s.scan(page); p != placeFound {
			b.Fatal("no place")
		}
	}
}
