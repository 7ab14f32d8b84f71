package sinks_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/analytics/sinks"
	"github.com/toprent/flags/models"
)

var inside = sinks.Options{Inside: true} // the fakes are on this machine

func event(n int, change ...func(*models.FeatureFlagEvent)) models.FeatureFlagEvent {
	at := models.At(time.Now().Add(-time.Minute))
	e := models.FeatureFlagEvent{ID: uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)).String(), Day: models.Day(at.Time), At: at, Kind: models.EventExposure,
		Environment: "production", Flag: "new-checkout", Variant: "on", Revision: 7, Reason: "SPLIT", Place: "/checkout",
		UserID: fmt.Sprint("u", n), VisitorID: fmt.Sprint("visitor-", n), Tenant: "acme", Plan: "pro", Share: 100_000}
	for _, c := range change {
		c(&e)
	}
	return e
}

func some(n int, change ...func(*models.FeatureFlagEvent)) (all []models.FeatureFlagEvent) {
	for i := range n {
		all = append(all, event(i, change...))
	}
	return all
}

func idsOf(events []models.FeatureFlagEvent) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func must(t *testing.T, sink analytics.Sink, err error) analytics.Sink {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func toAmplitude(t *testing.T, v *vendor, key string) analytics.Sink {
	t.Helper()
	sink, err := sinks.Amplitude(key, sinks.Options{URL: v.URL, Inside: true})
	return must(t, sink, err)
}

func toMixpanel(t *testing.T, v *vendor, secret string) analytics.Sink {
	t.Helper()
	sink, err := sinks.Mixpanel("4711", "flags", secret, sinks.Options{URL: v.URL, Inside: true})
	return must(t, sink, err)
}

func failure(t *testing.T, err error) *analytics.Failure {
	t.Helper()
	var f *analytics.Failure
	if !errors.As(err, &f) {
		t.Fatalf("the error is %v", err)
	}
	return f
}

// everyKind is one event of each kind, of people with short ids, of visitors and of a tenant alone.
func everyKind() []models.FeatureFlagEvent {
	value := 12.5
	var all []models.FeatureFlagEvent
	for i, kind := range []models.EventKind{models.EventExposure, models.EventCheck, models.EventGranted, models.EventDenied, models.EventPrompt, models.EventUpgrade, models.EventPlan, models.EventMetric} {
		all = append(all, event(i, func(e *models.FeatureFlagEvent) {
			e.Kind, e.UserID = kind, []string{"7", ""}[i%2]
			switch kind {
			case models.EventPlan:
				e.UserID, e.VisitorID, e.Flag, e.Name = "", "", "", "free"
			case models.EventMetric:
				e.Flag, e.Name, e.Value = "", "bookings", &value
			}
		}))
	}
	return all
}

func TestAmplitudeTakesEventsOfEveryKind(t *testing.T) {
	v := amplitude(t)
	all := everyKind()
	if err := toAmplitude(t, v, amplitudeKey).Send(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.order, idsOf(all)) {
		t.Errorf("%v came", v.order)
	}
	first, metric, plan := v.events[all[0].ID], v.events[all[7].ID], v.events[all[6].ID]
	properties := first["event_properties"].(object)
	if first["event_type"] != "flag exposure" || first["user_id"] != "7" || first["device_id"] != "visitor-0" || first["time"] != float64(all[0].At.UnixMilli()) ||
		properties["flag"] != "new-checkout" || properties["variant"] != "on" || first["groups"].(object)["tenant"] != "acme" || first["ip"] != nil {
		t.Errorf("an exposure is %v", first)
	}
	if metric["event_type"] != "bookings" || metric["event_properties"].(object)["value"] != 12.5 {
		t.Errorf("a metric is %v", metric)
	}
	if plan["device_id"] != "tenant acme" || plan["event_properties"].(object)["plan_before"] != "free" {
		t.Errorf("a change of plans is %v", plan)
	}
}

func TestMixpanelTakesEventsOfEveryKind(t *testing.T) {
	v := mixpanel(t)
	all := everyKind()
	if err := toMixpanel(t, v, "s3cret").Send(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.order, idsOf(all)) {
		t.Errorf("%v came", v.order)
	}
	user, visitor, plan := v.events[all[0].ID], v.events[all[1].ID], v.events[all[6].ID]
	if p := user["properties"].(object); user["event"] != "flag exposure" || p["distinct_id"] != "7" || p["$user_id"] != "7" || p["$device_id"] != "visitor-0" || p["variant"] != "on" || p["tenant"] != "acme" {
		t.Errorf("an exposure is %v", user)
	}
	if p := visitor["properties"].(object); p["distinct_id"] != "$device:visitor-1" || p["$user_id"] != nil {
		t.Errorf("a visitor's is %v", visitor)
	}
	if p := plan["properties"].(object); p["distinct_id"] != "" || p["plan_before"] != "free" {
		t.Errorf("a change of plans is %v", plan)
	}
}

func TestWhatAmplitudeNamesAsWrongIsLeftOutAndTheRestIsTaken(t *testing.T) {
	v := amplitude(t)
	all := some(5)
	all[1].UserID, all[3].VisitorID = "anonymous", "0" // which it refuses
	f := failure(t, toAmplitude(t, v, amplitudeKey).Send(t.Context(), all))
	slices.Sort(f.Refused)
	if !slices.Equal(f.Refused, []int{1, 3}) || !slices.Equal(f.Taken, []int{0, 2, 4}) || !strings.Contains(f.Error(), "device_id, user_id") {
		t.Errorf("refused %v, taken %v: %v", f.Refused, f.Taken, f)
	}
	if len(v.order) != 3 || v.requests != 2 {
		t.Errorf("%d came in %d requests", len(v.order), v.requests)
	}
}

func TestWhatMixpanelNamesAsWrongIsLeftOutAndTheRestIsTaken(t *testing.T) {
	v := mixpanel(t)
	all := some(5)
	all[1].UserID = "null"
	all[3].At = models.At(time.Now().Add(2 * time.Hour))
	f := failure(t, toMixpanel(t, v, "s3cret").Send(t.Context(), all))
	if !slices.Equal(f.Refused, []int{1, 3}) || !slices.Equal(f.Taken, []int{0, 2, 4}) || !strings.Contains(f.Error(), "distinct_id, time") {
		t.Errorf("refused %v, taken %v: %v", f.Refused, f.Taken, f)
	}
	if len(v.order) != 3 || v.requests != 1 {
		t.Errorf("%d came in %d requests", len(v.order), v.requests)
	}
}

func TestAnEventOfEachVendorIsOnceThereThoughTheAnswerWasLost(t *testing.T) {
	for name, v := range map[string]*vendor{"amplitude": amplitude(t), "mixpanel": mixpanel(t)} {
		sink := toAmplitude(t, v, amplitudeKey)
		if name == "mixpanel" {
			sink = toMixpanel(t, v, "s3cret")
		}
		handler := v.Config.Handler
		var lost atomic.Bool
		v.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if lost.Swap(true) {
				handler.ServeHTTP(w, r)
				return
			}
			handler.ServeHTTP(httptest.NewRecorder(), r) // it takes them
			panic(http.ErrAbortHandler)                  // and the line breaks
		})
		all := some(20)
		if f := failure(t, sink.Send(t.Context(), all)); len(f.Taken)+len(f.Refused) != 0 || strings.Contains(f.Error(), "127.0.0.1") {
			t.Errorf("%s: %+v", name, f)
		}
		if err := sink.Send(t.Context(), all); err != nil {
			t.Error(err)
		}
		if v.requests != 2 || !slices.Equal(v.order, idsOf(all)) {
			t.Errorf("%s has %d events of %d requests", name, len(v.order), v.requests)
		}
	}
}

func TestWhatIsTooMuchForAVendorIsSentInParts(t *testing.T) {
	long := func(e *models.FeatureFlagEvent) {
		e.Place, e.Plan = strings.Repeat("\x01", 256), strings.Repeat("\x02", 256)
	} // six bytes each
	all := some(500, long, func(e *models.FeatureFlagEvent) { e.Tenant = strings.Repeat("\x03", 256) })
	v := amplitude(t)
	if err := toAmplitude(t, v, amplitudeKey).Send(t.Context(), all); err != nil || v.requests < 2 || !slices.Equal(v.order, idsOf(all)) {
		t.Errorf("%d came in %d requests: %v", len(v.order), v.requests, err)
	}
}

func TestWhatAVendorFindsTooLargeIsHalved(t *testing.T) {
	var seen []int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Events []json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if len(body.Events) > 3 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		seen = append(seen, len(body.Events))
	}))
	defer server.Close()
	sink, err := sinks.Amplitude(amplitudeKey, sinks.Options{URL: server.URL, Inside: true})
	if err := must(t, sink, err).Send(t.Context(), some(10)); err != nil || !slices.Equal(seen, []int{2, 3, 2, 3}) {
		t.Errorf("%v: %v", seen, err)
	}
}

func TestWhoAmplitudeThrottlesWaitsAndTheOthersAreTaken(t *testing.T) {
	v := amplitude(t)
	v.first = append(v.first, func(w http.ResponseWriter, _ *http.Request) bool {
		answers(w, 429, object{"code": 429, "error": "Too many requests for some devices and users", "eps_threshold": 30, "throttled_users": object{"u1": 31},
			"throttled_events": []int{1}, "exceeded_daily_quota_users": object{"u3": 500_001}})
		return true
	})
	f := failure(t, toAmplitude(t, v, amplitudeKey).Send(t.Context(), some(5)))
	if !slices.Equal(f.Taken, []int{0, 2, 4}) || !slices.Equal(f.Refused, []int{3}) || f.After != 30*time.Second {
		t.Errorf("%+v", f)
	}
}

func TestATenantThatAmplitudeThrottlesOrSilencesKeepsNobodyElseWaiting(t *testing.T) {
	events := some(4)
	events[2] = event(2, func(e *models.FeatureFlagEvent) { e.UserID, e.VisitorID, e.Kind = "", "", models.EventPlan })
	for answer, want := range map[string]analytics.Failure{
		`{"code": 429, "throttled_devices": {"tenant acme": 31}}`:                {Taken: []int{0, 1, 3}},
		`{"code": 429, "exceeded_daily_quota_devices": {"tenant acme": 500001}}`: {Taken: []int{0, 1, 3}, Refused: []int{2}},
		`{"code": 400, "silenced_devices": ["tenant acme"]}`:                     {Taken: []int{0, 1, 3}, Refused: []int{2}},
	} {
		v := amplitude(t)
		v.first = append(v.first, func(w http.ResponseWriter, _ *http.Request) bool {
			var said object
			_ = json.Unmarshal([]byte(answer), &said)
			answers(w, int(said["code"].(float64)), said)
			return true
		})
		if f := failure(t, toAmplitude(t, v, amplitudeKey).Send(t.Context(), events)); !slices.Equal(f.Taken, want.Taken) || !slices.Equal(f.Refused, want.Refused) {
			t.Errorf("%s: %+v", answer, f)
		}
	}
}

func TestAVendorThatAsksToWaitIsHeard(t *testing.T) {
	v := mixpanel(t)
	v.first = append(v.first, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "90")
		answers(w, 429, object{"code": 429})
		return true
	})
	if f := failure(t, toMixpanel(t, v, "s3cret").Send(t.Context(), some(5))); f.After != 90*time.Second || len(f.Taken)+len(f.Refused) != 0 || f.All {
		t.Errorf("%+v", f)
	}
}

func TestWrongKeysLoseNothingAndAreNotRepeated(t *testing.T) {
	a, m := amplitude(t), mixpanel(t)
	for _, sink := range []analytics.Sink{toAmplitude(t, a, "wrong-secret"), toMixpanel(t, m, "wrong-secret")} {
		f := failure(t, sink.Send(t.Context(), some(3)))
		if len(f.Taken)+len(f.Refused) != 0 || f.All || strings.Contains(f.Error(), "wrong-secret") {
			t.Errorf("%s: %+v", sink.Name(), f)
		}
	}
}

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	v := mixpanel(t)
	v.first = append(v.first, func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(400)
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				break
			}
		}
		return true
	})
	if f := failure(t, toMixpanel(t, v, "s3cret").Send(t.Context(), some(1))); len(f.Refused) != 1 {
		t.Errorf("%+v", f)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := mixpanel(t)
	v := mixpanel(t)
	v.first = append(v.first, func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return true
	})
	f := failure(t, toMixpanel(t, v, "s3cret").Send(t.Context(), some(1)))
	if elsewhere.requests != 0 || len(f.Taken)+len(f.Refused) != 0 {
		t.Errorf("%d went elsewhere: %+v", elsewhere.requests, f)
	}
}

func TestAddressesInsideAreRefusedUnlessTheHostAllowsThem(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
	for _, address := range []string{"https://127.0.0.1:9000/hook", "http://hooks.example.com/hook", "https://169.254.169.254/", "https://user:pw@hooks.example.com/"} {
		if _, err := sinks.Webhook(address, secret, sinks.Options{}); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := sinks.Webhook("https://hooks.example.com/hook", secret, sinks.Options{}); err != nil {
		t.Error(err)
	}
	if _, err := sinks.Webhook("https://hooks.example.com/hook", "whsec_short", sinks.Options{}); err == nil {
		t.Error("a short secret is taken")
	}
}

func TestAWebhookIsSignedAndSaysWhatIsStored(t *testing.T) {
	key := []byte("0123456789abcdef")
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		var said struct {
			Type string
			Data struct {
				Events []struct {
					ID, Kind, User, Flag, Variant, Tenant string
					At                                    time.Time
				}
			}
		}
		ids = append(ids, r.Header.Get("Webhook-Id"))
		if r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || json.Unmarshal(body, &said) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if e := said.Data.Events[0]; said.Type != "flags.events" || len(said.Data.Events) != 3 || e.Kind != "exposure" || e.User != "u0" || e.Flag != "new-checkout" || e.At.IsZero() {
			t.Errorf("%s", body)
		}
	}))
	defer server.Close()
	sink, err := sinks.Webhook(server.URL, "whsec_"+base64.StdEncoding.EncodeToString(key), inside)
	must(t, sink, err)
	for range 2 {
		if err := sink.Send(t.Context(), some(3)); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("the same events came as %v", ids)
	}
}

// What the fakes refuse, one by one: a fake that takes everything would prove nothing.
func TestTheFakesRefuseWhatTheVendorsDocument(t *testing.T) {
	a, m := amplitude(t), mixpanel(t)
	now := time.Now().UnixMilli()
	good := object{"event_type": "x", "user_id": "longer", "time": now, "insert_id": "1"}
	with := func(from object, change object) object {
		made := object{}
		for k, v := range from {
			made[k] = v
		}
		for k, v := range change {
			if made[k] = v; v == nil {
				delete(made, k)
			}
		}
		return made
	}
	send := func(v *vendor, path string, body any, header ...string) int {
		encoded, _ := json.Marshal(body)
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, v.URL+path, bytes.NewReader(encoded))
		request.Header.Set("Content-Type", "application/json")
		request.SetBasicAuth("flags", "s3cret")
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	amp := func(events ...object) object { return object{"api_key": amplitudeKey, "events": events} }
	many := slices.Repeat([]object{good}, 2001)
	for what, c := range map[string]struct {
		body   any
		status int
	}{
		"a good one":           {amp(good), 200},
		"no key":               {object{"events": []object{good}}, 400},
		"another key":          {object{"api_key": "x", "events": []object{good}}, 400},
		"no events":            {amp(), 400},
		"a short id":           {amp(with(good, object{"user_id": "ann"})), 400},
		"nobody":               {amp(with(good, object{"user_id": nil})), 400},
		"a time as a text":     {amp(with(good, object{"time": "2026-01-01"})), 400},
		"seconds":              {amp(with(good, object{"time": now / 1000})), 400},
		"no type":              {amp(with(good, object{"event_type": nil})), 400},
		"too many":             {amp(many...), 413},
		"more than a megabyte": {amp(with(good, object{"event_properties": strings.Repeat("x", 1<<20)})), 413},
	} {
		if status := send(a, "/2/httpapi", c.body); status != c.status {
			t.Errorf("Amplitude's fake answers %s with %d", what, status)
		}
	}
	properties := object{"time": now, "distinct_id": "ann", "$insert_id": "a-1"}
	mix := func(change object) []object { return []object{{"event": "x", "properties": with(properties, change)}} }
	for what, c := range map[string]struct {
		body   any
		header []string
		status int
	}{
		"a good one":            {mix(nil), nil, 200},
		"no id":                 {mix(object{"$insert_id": nil}), nil, 400},
		"an id with a blank":    {mix(object{"$insert_id": "a 1"}), nil, 400},
		"an id too long":        {mix(object{"$insert_id": strings.Repeat("a", 37)}), nil, 400},
		"no time":               {mix(object{"time": nil}), nil, 400},
		"the future":            {mix(object{"time": now + 7_200_000}), nil, 400},
		"no person":             {mix(object{"distinct_id": nil}), nil, 400},
		"a placeholder":         {mix(object{"distinct_id": "anon"}), nil, 400},
		"not packed as it says": {mix(nil), []string{"Content-Encoding", "gzip"}, 400},
		"a form":                {mix(nil), []string{"Content-Type", "application/x-www-form-urlencoded"}, 400},
		"no account":            {mix(nil), []string{"Authorization", ""}, 401},
	} {
		if status := send(m, "/import?strict=1&project_id=4711", c.body, c.header...); status != c.status {
			t.Errorf("Mixpanel's fake answers %s with %d", what, status)
		}
	}
}
