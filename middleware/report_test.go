package middleware_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// report is a browser's, about a page with this tag.
func report(tag string, parts ...any) string {
	text, err := json.Marshal(append([]any{tag}, parts...))
	if err != nil {
		panic(err) // of tests only
	}
	return string(text)
}

func TestAReportOfOnesOwnValuesCounts(t *testing.T) {
	s, h := recordedSite(t)
	for name, v := range map[string]*visitor{"ann": s.visit("User", "ann"), "visitor": s.visit()} {
		tag := v.opens("/quiet").block().ETag
		a := v.reports(report(tag, "a", []any{"booked", 129.5}, "b", []any{"clicked"})).is(http.StatusNoContent)
		if a.body != "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q %v", a.body, a.Header)
		}
		if got, want := h.takes(), []string{name + " browser a=on", name + " browser b=value"}; !slices.Equal(got, want) {
			t.Errorf("shown %q, want %q", got, want)
		}
		if want := []string{name + " browser booked=129.5", name + " browser clicked=1"}; !slices.Equal(h.tracked, want) {
			t.Errorf("tracked %q, want %q", h.tracked, want)
		}
		h.tracked = nil
		v.reports(report("W/"+tag, "a")).is(http.StatusNoContent) // as a proxy that compresses writes it
		v.reports(`[null,["clicked",0]]`).is(http.StatusNoContent)
		if got := h.takes(); !slices.Equal(got, []string{name + " browser a=on"}) || !slices.Equal(h.tracked, []string{name + " browser clicked=0"}) {
			t.Errorf("shown %q, tracked %q", got, h.tracked)
		}
		h.tracked = nil
	}
	if len(h.refused) != 0 {
		t.Errorf("refused: %v", h.refused)
	}
}

func TestAForgedOrBrokenReportIsRefusedAndCounted(t *testing.T) {
	s, h := recordedSite(t)
	ann := s.visit("User", "ann", "Plan", "pro")
	tag := ann.opens("/quiet").block().ETag
	other := s.visit("User", "ben", "Plan", "free").opens("/quiet").block().ETag
	if other == tag {
		t.Fatal("the two have the same values")
	}
	stranger := s.visit()
	deep := strings.Repeat("[", 12_000)
	for name, c := range map[string]struct {
		who     *visitor
		body    string
		headers []string
		status  int
		cause   string
	}{
		"a flag that is none":                 {ann, report(tag, "nothing"), nil, 422, "of a flag that browsers do not have"},
		"one of the server's":                 {ann, report(tag, "a", "secret"), nil, 422, "of a flag that browsers do not have"},
		"a variant for a key":                 {ann, report(tag, "a=off"), nil, 422, "of a flag that browsers do not have"},
		"somebody else's values":              {ann, report(other, "paid"), nil, 409, "of values that the session does not have"},
		"no tag":                              {ann, report("", "a"), nil, 409, "of values that the session does not have"},
		"a tag without quotes":                {ann, report(strings.Trim(tag, `"`), "a"), nil, 409, "of values that the session does not have"},
		"from another site":                   {ann, report(tag, "a"), []string{"Sec-Fetch-Site", "cross-site"}, 403, "from another site"},
		"from a sister site":                  {ann, report(tag, "a"), []string{"Sec-Fetch-Site", "same-site"}, 403, "from another site"},
		"an older browser's, from elsewhere":  {ann, report(tag, "a"), []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403, "from another site"},
		"without cookies":                     {stranger, report(tag, "a"), nil, 403, "from a browser without a session"},
		"nothing at all":                      {ann, ``, nil, 400, "not understood"},
		"no JSON":                             {ann, `[`, nil, 400, "not understood"},
		"two in one":                          {ann, report(tag, "a") + report(tag, "a"), nil, 400, "not understood"},
		"no list":                             {ann, `{"etag":` + tag + `}`, nil, 400, "not understood"},
		"null":                                {ann, `null`, nil, 400, "not understood"},
		"an empty list":                       {ann, `[]`, nil, 400, "not understood"},
		"a tag that is a number":              {ann, `[1,"a"]`, nil, 400, "not understood"},
		"a key that is a number":              {ann, `["",1]`, nil, 400, "not understood"},
		"a key that is an object":             {ann, `["",{"a":1}]`, nil, 400, "not understood"},
		"a key that is null":                  {ann, `["",null]`, nil, 400, "not understood"},
		"more keys than there may be":         {ann, report(tag, slices.Repeat([]any{"a"}, 1001)...), nil, 400, "not understood"},
		"deep JSON":                           {ann, deep + strings.Repeat("]", 12_000), nil, 400, "not understood"},
		"deep JSON with no end":               {ann, deep, nil, 400, "not understood"},
		"deep JSON in what is tracked":        {ann, `["",["x",` + deep[:9000] + strings.Repeat("]", 9000) + `]]`, nil, 422, "of something that cannot be tracked"},
		"one megabyte":                        {ann, report(tag, strings.Repeat("a", 1<<20)), nil, 413, "too large"},
		"a key that is no UTF-8":              {ann, "[" + string(report(tag)[1:len(report(tag))-1]) + ",\"a\xff\"]", nil, 422, "of a flag that browsers do not have"},
		"a key with NUL":                      {ann, report(tag, "a\x00"), nil, 422, "of a flag that browsers do not have"},
		"NUL between":                         {ann, "[\"\",\x00\"a\"]", nil, 400, "not understood"},
		"a value that JavaScript calls NaN":   {ann, `["",["x",null]]`, nil, 422, "of something that cannot be tracked"},
		"a value that is a text":              {ann, `["",["x","12"]]`, nil, 422, "of something that cannot be tracked"},
		"a value beyond all numbers":          {ann, `["",["x",1e400]]`, nil, 422, "of something that cannot be tracked"},
		"a name that is a number":             {ann, `["",[7,1]]`, nil, 422, "of something that cannot be tracked"},
		"nothing to track":                    {ann, `["",[]]`, nil, 422, "of something that cannot be tracked"},
		"more to track than there may be":     {s.visit("User", "cleo"), report("", slices.Repeat([]any{[]any{"x", 1}}, 51)...), nil, 422, "of something that cannot be tracked"},
		"a page of another content type":      {ann, "a=1&b=2", []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, "not understood"},
		"what claims to be compressed":        {ann, "\x1f\x8b\x08\x00", []string{"Content-Encoding", "gzip"}, 400, "not understood"},
		"an object with __proto__, for a tag": {ann, `[{"__proto__":{}}]`, nil, 400, "not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			before := h.refused[c.cause]
			a := c.who.reports(c.body, c.headers...)
			a.TB = t
			a.is(c.status)
			var said struct{ Error string }
			if err := json.Unmarshal([]byte(a.body), &said); err != nil || len(said.Error) < 10 || len(said.Error) > 400 || !utf8.ValidString(said.Error) {
				t.Errorf("the answer is %q", a.body)
			}
			if h.refused[c.cause] != before+1 {
				t.Errorf("counted: %v", h.refused)
			}
			if got := h.takes(); len(got) != 0 {
				t.Errorf("shown all the same: %q", got)
			}
		})
	}
	if len(h.tracked) != 50 { // of those that were too many, the first
		t.Errorf("%d things were tracked", len(h.tracked))
	}
	h.full = true
	if a := ann.reports(report(tag, "a")).is(http.StatusTooManyRequests); a.Header.Get("Retry-After") != "60" || h.refused["too many"] != 1 {
		t.Errorf("%v %v", a.Header, h.refused)
	}
	h.full = false
	ann.reports(report(tag, "a")).is(http.StatusNoContent)
}

func TestOnesMistakeInWhatIsTrackedSpoilsNothingElse(t *testing.T) {
	s, h := recordedSite(t)
	ann := s.visit("User", "ann")
	tag := ann.opens("/quiet").block().ETag
	body := ann.reports(report(tag, []any{"first", 1}, []any{"wrong", nil}, "a", []any{"last", 2})).is(422).body
	if !strings.Contains(body, "not fit") {
		t.Errorf("the answer is %s", body)
	}
	if got := h.takes(); !slices.Equal(got, []string{"ann browser a=on"}) {
		t.Errorf("shown %q", got)
	}
	if want := []string{"ann browser first=1", "ann browser last=2"}; !slices.Equal(h.tracked, want) {
		t.Errorf("tracked %q", h.tracked)
	}
}

func TestAReportUnderAPreviewIsNobodys(t *testing.T) {
	s, h := recordedSite(t)
	ann := s.visit("User", "ann")
	ann.starts(s.link("a", "off"))
	tag := ann.opens("/quiet").block().ETag
	ann.reports(report(tag, "a", []any{"x", 1})).is(http.StatusNoContent)
	ann.reports(report("", "a")).is(http.StatusNoContent)
	if len(h.refused) != 0 {
		t.Errorf("refused: %v", h.refused)
	}
	if got := h.takes(); len(got)+len(h.tracked) != 0 {
		t.Errorf("shown %q, tracked %q", got, h.tracked)
	}
}

func TestAGroupsReportGoesWhereItsRefreshDoes(t *testing.T) {
	h := &heard{refused: map[string]int{}}
	s, _ := recordedSite(t)
	app := s.again()
	app.Engine = gin.New()
	group := app.Group("/t/:tenant", app.with(func(c *middleware.Config) {
		c.Recorder, c.RefreshURL = h, func(c *gin.Context) string { return "/t/" + c.Param("tenant") + "/values" }
	}))
	group.GET("/", page)
	group.GET("/values", middleware.Refresh)
	group.POST("/values", middleware.Report)
	app.POST("/lost", middleware.Report)
	ann := app.visit("User", "ann")
	b := ann.opens("/t/acme/").block()
	ann.asks(http.MethodPost, b.URL, reader(report(b.ETag, "a")), "Sec-Fetch-Site", "same-origin").is(http.StatusNoContent)
	if got := h.takes(); !slices.Equal(got, []string{"ann browser a=on"}) {
		t.Errorf("shown %q", got)
	}
	ann.asks(http.MethodPost, "/lost", reader(report(b.ETag, "a"))).is(http.StatusNotFound)
}

// FuzzReport: whatever a browser sends, it is answered with a status that says what came of it; what counts is what the
// session has, and what is refused is counted once.
func FuzzReport(f *testing.F) {
	s, h := recordedSite(f)
	ann := s.visit("User", "ann")
	tag := ann.opens("/quiet").block().ETag
	var quoted strings.Builder
	json.NewEncoder(&quoted).Encode(tag)
	for _, seed := range []string{
		report(tag, "a", "b"), report(tag, "secret"), report(tag, "paid"), report("W/"+tag, "a"), report("", "a"), report(tag, "a", []any{"x", 1}), report("", []any{"x"}),
		`[null,["x",null]]`, `[null,["x",-1e300,2]]`, `[null,[[[]]]]`, `[null,["x",1e400],["y",{}],[null]]`, `[`, `null`, `["\ud800","\u0000"]`, "[\"\xff\",\"\xff\"]", ` [ null , "a" , [ "x" , 2 ] ] `,
	} {
		f.Add(seed)
	}
	served := map[string]string{}
	for d := range s.flags.Newest().Values(ruleset.Subject{User: "ann"}, s.flags.Now()).All() {
		served[d.Key] = d.Variant
	}
	f.Fuzz(func(t *testing.T, body string) {
		clear(h.refused)
		h.tracked = nil
		ann.site.TB = t
		a := ann.reports(body)
		n := 0
		for _, times := range h.refused {
			n += times
		}
		shown := h.takes()
		switch a.StatusCode {
		case http.StatusNoContent:
			if n != 0 || !json.Valid([]byte(body)) {
				t.Errorf("%q is taken; refused: %v", body, h.refused)
			}
		case 400, 409, 413:
			if n != 1 || len(shown)+len(h.tracked) != 0 {
				t.Errorf("%q gets %d; refused %v, shown %q, tracked %q", body, a.StatusCode, h.refused, shown, h.tracked)
			}
		case 422:
			if n != 1 {
				t.Errorf("%q gets %d; refused %v", body, a.StatusCode, h.refused)
			}
		default:
			t.Errorf("%q gets %d", body, a.StatusCode)
		}
		if len(shown) > 0 && !strings.Contains(body, strings.TrimSpace(quoted.String())) && json.Valid([]byte(body)) {
			var parts []any
			_ = json.Unmarshal([]byte(body), &parts)
			if got, _ := parts[0].(string); strings.TrimPrefix(got, "W/") != tag {
				t.Errorf("%q shows %q without the session's tag", body, shown)
			}
		}
		for _, line := range shown {
			key, variant, _ := strings.Cut(strings.TrimPrefix(line, "ann browser "), "=")
			if key == "secret" || served[key] != variant {
				t.Errorf("%q shows %q", body, line)
			}
		}
		for _, line := range h.tracked {
			var name string
			var value float64
			if n, _ := fmt.Sscanf(strings.Replace(line, "=", " ", 1), "ann browser %s %g", &name, &value); n == 2 && value != value {
				t.Errorf("%q tracks %q", body, line)
			}
		}
	})
}
