package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
	"pgregory.net/rapid"
)

func newTestJar(tb testing.TB, key string) *cookieJar {
	tb.Helper()
	j, _, err := newJar(Config{Sessions: NewCookieStore([]byte(key)), CookieName: "flags"})
	if err != nil {
		tb.Fatal(err)
	}
	return j.(*cookieJar)
}

// Whatever a cookie or a form says, only what was signed here means anything, and nothing panics.
func FuzzCookie(f *testing.F) {
	digest := ruleset.Digest{1, 2, 3, 4, 5, 6, 7, 8}
	good := pin{ruleset.ID{Environment: "production", Number: 7, Digest: digest}, 1_780_000_000}
	known := visitor{"ann", time.Unix(1_780_000_000, 0)}
	j := newTestJar(f, "the key")
	_, forms, _ := newJar(Config{Sessions: NewCookieStore([]byte("the key")), CookieName: "flags"})
	recorder := httptest.NewRecorder()
	if err := j.savePin(recorder, nil, good); err != nil {
		f.Fatal(err)
	}
	if err := j.saveVisitor(recorder, nil, known); err != nil {
		f.Fatal(err)
	}
	signedPin, signedVisitor := recorder.Result().Cookies()[0].Value, recorder.Result().Cookies()[1].Value
	token, err := forms.sign(good, time.Unix(1_780_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		good.encode(), known.encode(), signedPin, signedVisitor, token, signedPin + "=", signedPin[:9], "", "1.0.0000000000000000.0.", "1.-1.0102030405060708.1.x",
		"1.9223372036854775807.0102030405060708.9223372036854775807.x", "=; flags-pin=" + signedPin, strings.Repeat("A", 5000), "zzzzzzzzzzzzz.x", "1.", ".", "~",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := decodePin(text); ok {
			again, ok := decodePin(p.encode())
			if !ok || again != p {
				t.Errorf("%q is the pin %v, which comes back as %v", text, p, again)
			}
			_ = p.holds("production", time.Unix(1_780_000_000, 0), PinLife)
			_ = later(time.Unix(1_780_000_000, 0), p, true)
		}
		if v, ok := decodeVisitor(text); ok {
			again, ok := decodeVisitor(v.encode())
			if !ok || again.id != v.id || !again.since.Equal(v.since) || v.id == "" || len(v.id) > 64 {
				t.Errorf("%q is the visitor %v, which comes back as %v", text, v, again)
			}
		}
		r := &http.Request{Header: http.Header{"Cookie": {"flags-pin=" + text + "; flags-visitor=" + text}}}
		if p, ok := j.pin(r); ok && (p != good || !strings.Contains(text, signedPin)) {
			t.Errorf("%q counts as the pin %v", text, p)
		}
		if v, ok := j.visitor(r, known.since); ok && (v.id != known.id || !strings.Contains(text, signedVisitor)) {
			t.Errorf("%q counts as the visitor %v", text, v)
		}
		if p, ok := forms.open(text, time.Unix(1_780_000_001, 0)); ok && (p != good || text != token) {
			t.Errorf("%q counts as a form's pin %v", text, p)
		}
	})
}

func TestAPinComesBackAsItWas(t *testing.T) {
	j := newTestJar(t, "the key")
	rapid.Check(t, func(t *rapid.T) {
		p := pin{id: ruleset.ID{Environment: rapid.String().Draw(t, "environment"), Number: rapid.Int64Min(0).Draw(t, "number")}, time: rapid.Int64Min(0).Draw(t, "time")}
		copy(p.id.Digest[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "digest"))
		if again, ok := decodePin(p.encode()); !ok || again != p {
			t.Fatalf("%v comes back as %v", p, again)
		}
		w := httptest.NewRecorder()
		if err := j.savePin(w, nil, p); err != nil {
			return // an environment of kilobytes
		}
		r := &http.Request{Header: http.Header{}}
		r.AddCookie(w.Result().Cookies()[0])
		if again, ok := j.pin(r); !ok || again != p {
			t.Fatalf("%v comes back as %v from its cookie", p, again)
		}
	})
}

func TestAMemoStaysSmallAndKeepsNothingElse(t *testing.T) {
	m := newMemo[int](10)
	for i := range 1000 {
		key := fmt.Sprint(i)
		m.put(key, i)
		if got, ok := m.get(key); !ok || got != i {
			t.Fatalf("%s is %d, %v", key, got, ok)
		}
		if len(m.items) > 10 {
			t.Fatalf("%d items", len(m.items))
		}
	}
}

// Whatever stands around a cookie, it is found, and by net/http as well.
func FuzzCookiesOf(f *testing.F) {
	for _, seed := range []string{"", "a=1", "b=2; a=1", "a=1;a=2", " a=1 ; a = 2", "a", "=a", "aa=1; a==;a=", ";;;", "a=x=y", `a="`} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		r := &http.Request{Header: http.Header{"Cookie": {before + "; a=good;" + after}}}
		got := slices.Collect(cookiesOf(r, "a"))
		if !slices.Contains(got, "good") {
			t.Errorf("%q has only %q", r.Header["Cookie"], got)
		}
		for _, value := range got {
			if strings.ContainsAny(value, ";") {
				t.Errorf("%q is no value", value)
			}
		}
		if !slices.ContainsFunc(r.CookiesNamed("a"), func(c *http.Cookie) bool { return c.Value == "good" }) {
			t.Errorf("%q has no such cookie for net/http", r.Header["Cookie"])
		}
	})
}
