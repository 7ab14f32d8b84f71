package settings

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestProgramsSendMetrics(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		r := robot{t, site, token(t, site.As("editor"), "editor", "production")}
		sends := func(body string, want int) map[string]any {
			t.Helper()
			status, answer := asks(t, site.URL, r.token, http.MethodPost, "/environments/production/metrics", body)
			if status != want {
				t.Errorf("%.100s gives %d, want %d: %v", body, status, want, answer)
			}
			return answer
		}
		began := time.Now().UTC()
		at := began.Add(-48 * time.Hour).Format(time.RFC3339)
		if got := sends(`{"user":"u-1","name":"booked","value":129.5}`, http.StatusOK); got["received"] != 1.0 || got["stored"] != 1.0 || got["environment"] != "production" {
			t.Errorf("one: %v", got)
		}
		batch := fmt.Sprintf(`[{"id":"b-1","at":%q,"tenant":"t-1","name":"booked","value":0.5},{"id":"b-2","at":%q,"visitor":"v-1","name":"clicked"},{"id":"b-1","at":%q,"tenant":"t-1","name":"booked","value":0.5}]`, at, at, at)
		if got := sends(batch, http.StatusOK); got["received"] != 3.0 || got["stored"] != 2.0 {
			t.Errorf("a batch with one twice: %v", got)
		}
		if got := sends(batch, http.StatusOK); got["stored"] != 0.0 {
			t.Errorf("the batch again: %v", got)
		}
		if got := sends(`[]`, http.StatusOK); got["received"] != 0.0 {
			t.Errorf("nothing: %v", got)
		}
		good := `{"user":"u-1","name":"booked"}`
		for body, says := range map[string]string{
			`[` + good + `,{"user":"u-1","name":"booked","value":-1}]`:      "item 2: the value of booked is -1",
			`[{"user":"u-1","name":"booked","value":null}]`:                 "item 1: the value of",
			`[{"user":"u-1","name":"booked","value":"NaN"}]`:                "item 1: the value of",
			`[{"user":"u-1","name":"booked","value":1e400}]`:                "item 1: the value of",
			`[{"user":"u-1","name":"booked","value":1e13}]`:                 "item 1: the value of",
			`[{"user":"u-1","name":"Booked a flat"}]`:                       "item 1: \"Booked a flat\" is no name",
			`[{"name":"booked"}]`:                                           "item 1: booked was tracked for nobody",
			`[{"user":"u-1","name":"booked","colour":"red"}]`:               `item 1: unknown field "colour"`,
			`[{"user":7,"name":"booked"}]`:                                  "item 1: cannot unmarshal",
			`[7]`:                                                           "item 1: ",
			`[null]`:                                                        "item 1: it is no object",
			`[{"user":"u-1","name":"booked","at":"tomorrow"}]`:              "item 1: ",
			`[{"user":"` + strings.Repeat("x", 300) + `","name":"booked"}]`: "item 1: the user of booked is no text of at most 256 bytes",
			`[{"user":"u\u0000","name":"booked"}]`:                          "item 1: the user of booked",
			fmt.Sprintf(`[{"user":"u-1","name":"booked","at":%q}]`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)):     "which is in the future",
			fmt.Sprintf(`[{"user":"u-1","name":"booked","at":%q}]`, time.Now().AddDate(0, 0, -31).UTC().Format(time.RFC3339)): "more than 30 days ago",
		} {
			got := sends(body, http.StatusUnprocessableEntity)
			if more, _ := got["more"].([]any); len(more) != 1 || !strings.Contains(fmt.Sprint(more[0]), says) {
				t.Errorf("%.80s: %v, want %q", body, got, says)
			}
		}
		sends(`{"user":"u-1","name":"booked","value":NaN}`, http.StatusUnprocessableEntity)
		sends(`"booked"`, http.StatusUnprocessableEntity)
		sends(`[`+strings.TrimSuffix(strings.Repeat(good+",", 1001), ",")+`]`, http.StatusRequestEntityTooLarge)
		sends(`[`+strings.Repeat(" ", 5<<20)+`]`, http.StatusRequestEntityTooLarge)
		if got := sends(`[`+strings.TrimSuffix(strings.Repeat(`{"name":"x"},`, 1000), ",")+`]`, http.StatusUnprocessableEntity); len(got["more"].([]any)) != 21 {
			t.Errorf("a thousand mistakes: %d are told", len(got["more"].([]any)))
		}
		if got := sends(`[`+strings.TrimSuffix(strings.Repeat(good+",", 1000), ",")+`]`, http.StatusOK); got["stored"] != 1000.0 {
			t.Errorf("as many as may be: %v", got)
		}
		// All of what was refused left nothing behind.
		p := onceCounted(site.As("viewer"), "/metrics/production").Sees("booked", "clicked")
		for n, want := range []string{"booked 1,002 33.4 1,130 37.67 1.13", "clicked 1 0.03 1 0.03 1"} {
			if got := strings.Join(strings.Fields(p.Find("tbody tr").Eq(n).Text()), " "); got != want {
				t.Errorf("row %d is %q, want %q", n, got, want)
			}
		}
		file := site.As("viewer").Gets("/settings/metrics/production/days.csv?days=7").Is(http.StatusOK).Body
		if want := "\n" + at[:10] + ",booked,1,0.5,0.5\n" + at[:10] + ",clicked,1,1,1\n"; !strings.Contains(file, want) || !strings.HasPrefix(file, "day,name,times,sum,mean\n") {
			t.Errorf("the file is:\n%s", file)
		}
		times, sum := 0.0, 0.0
		for i, line := range strings.Split(strings.TrimSpace(file), "\n")[1:] { // the first of one day, or of two around midnight
			cells := strings.Split(line, ",")
			if cells[0] < models.Day(began) && i == 0 {
				t.Errorf("the newest does not stand first:\n%s", file)
			}
			if cells[0] >= models.Day(began) && cells[1] == "booked" {
				times, sum = times+number(t, cells[2]), sum+number(t, cells[3])
			}
		}
		if times != 1001 || sum != 1129.5 {
			t.Errorf("booked %v times, %v in all, is in the file:\n%s", times, sum, file)
		}
	})
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMetricsTakeATokenThatMayWriteThere(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	const body = `{"user":"u-1","name":"booked"}`
	editor := token(t, site.As("editor"), "editor", "production")
	for _, c := range []struct {
		token, environment string
		want               int
	}{
		{"", "production", http.StatusUnauthorized},
		{"tfl_nonsense", "production", http.StatusUnauthorized},
		{token(t, site.As("editor"), "viewer", "production"), "production", http.StatusForbidden},
		{editor, "staging", http.StatusForbidden},
		{editor, "production", http.StatusOK},
		{token(t, site.As("admin"), "admin", "*"), "nowhere", http.StatusNotFound},
	} {
		if status, answer := asks(t, site.URL, c.token, http.MethodPost, "/environments/"+c.environment+"/metrics", body); status != c.want {
			t.Errorf("%s gives %d, want %d: %v", c.environment, status, c.want, answer)
		}
	}
}
