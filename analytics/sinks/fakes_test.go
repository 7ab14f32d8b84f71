package sinks_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// vendor is what the fakes have in common: they keep what they took by its id, and can be told to answer otherwise first.
type vendor struct {
	*httptest.Server
	mu       sync.Mutex
	first    []func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	events   map[string]map[string]any                           // by id
	order    []string                                            // in which they came first
	requests int
}

func newVendor(t *testing.T, answer func(v *vendor, w http.ResponseWriter, r *http.Request)) *vendor {
	v := &vendor{events: map[string]map[string]any{}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.requests++
		if len(v.first) > 0 {
			next := v.first[0]
			v.first = v.first[1:]
			if next(w, r) {
				return
			}
		}
		answer(v, w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

// keep is once for each id: that is how both know a copy.
func (v *vendor) keep(id string, event map[string]any) {
	if v.events[id] == nil {
		v.events[id] = event
		v.order = append(v.order, id)
	}
}

func answers(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type object = map[string]any

const amplitudeKey = "0123456789abcdef0123456789abcdef"

// amplitude refuses what the documentation of Amplitude's HTTP V2 API says that it refuses.
func amplitude(t *testing.T) *vendor {
	return newVendor(t, func(v *vendor, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		refuse := func(status int, what object) { what["code"] = status; answers(w, status, what) }
		var said struct {
			Key     string           `json:"api_key"`
			Events  []map[string]any `json:"events"`
			Options struct {
				MinLength *int `json:"min_id_length"`
			} `json:"options"`
		}
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/2/httpapi":
			refuse(400, object{"error": "Invalid request path"})
		case r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &said) != nil:
			refuse(400, object{"error": "Invalid JSON request body"})
		case len(body) > 1<<20 || len(said.Events) > 2000:
			refuse(413, object{"error": "Payload too large"})
		case said.Key == "":
			refuse(400, object{"error": "Request missing required field", "missing_field": "api_key"})
		case said.Key != amplitudeKey:
			refuse(400, object{"error": "Invalid API key: " + said.Key})
		case len(said.Events) == 0:
			refuse(400, object{"error": "Request missing required field", "missing_field": "events"})
		default:
			least := 5
			if said.Options.MinLength != nil {
				least = *said.Options.MinLength
			}
			invalid, missing, short := map[string][]int{}, map[string][]int{}, map[string][]int{}
			for i, e := range said.Events {
				checkAmplitude(i, e, least, invalid, missing, short)
			}
			if len(invalid)+len(missing)+len(short) > 0 {
				refuse(400, object{"error": "Invalid field values on some events", "events_with_invalid_fields": invalid,
					"events_with_missing_fields": missing, "events_with_invalid_id_lengths": short})
				return
			}
			for _, e := range said.Events {
				v.keep(fmt.Sprint(e["insert_id"]), e)
			}
			answers(w, 200, object{"code": 200, "events_ingested": len(said.Events), "payload_size_bytes": len(body), "server_upload_time": time.Now().UnixMilli()})
		}
	})
}

var amplitudeNobody = []string{"anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "", "00000000-0000-0000-0000-000000000000", "{}", "lmy47d", "0", "-1"}

func checkAmplitude(i int, e map[string]any, least int, invalid, missing, short map[string][]int) {
	if kind, _ := e["event_type"].(string); kind == "" {
		missing["event_type"] = append(missing["event_type"], i)
	} else if strings.HasPrefix(kind, "[Amplitude]") {
		invalid["event_type"] = append(invalid["event_type"], i)
	}
	if at, ok := e["time"].(float64); e["time"] != nil && (!ok || at != float64(int64(at)) || at < 1e12) { // milliseconds, whole ones
		invalid["time"] = append(invalid["time"], i)
	}
	if e["user_id"] == nil && e["device_id"] == nil {
		missing["device_id"] = append(missing["device_id"], i)
	}
	for _, field := range []string{"user_id", "device_id"} {
		id, isText := e[field].(string)
		switch {
		case e[field] == nil:
		case !isText || len(id) > 1024 || slices.Contains(amplitudeNobody, strings.ToLower(id)):
			invalid[field] = append(invalid[field], i)
		case len(id) < least:
			short[field] = append(short[field], i)
		}
	}
}

// mixpanel refuses what the documentation of Mixpanel's import API says that it refuses.
func mixpanel(t *testing.T) *vendor {
	return newVendor(t, func(v *vendor, w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, what string) {
			answers(w, status, object{"code": status, "error": what, "status": http.StatusText(status)})
		}
		if user, secret, ok := r.BasicAuth(); !ok || user != "flags" || secret != "s3cret" || r.URL.Query().Get("project_id") != "4711" {
			refuse(401, "Invalid credentials")
			return
		}
		var from io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				refuse(400, "gzip: invalid header")
				return
			}
			from = unzipped
		}
		body, _ := io.ReadAll(from)
		var events []struct {
			Event      string         `json:"event"`
			Properties map[string]any `json:"properties"`
		}
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/import" || r.URL.Query().Get("strict") != "1":
			refuse(404, "not found")
		case r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &events) != nil:
			refuse(400, "request body is not a JSON array")
		case len(body) > 2097152 || len(events) > 2000:
			refuse(413, "request exceeds max limit of 2097152 bytes")
		default:
			failed := []object{}
			for i, e := range events {
				field := checkMixpanel(e.Event, e.Properties)
				if field == "" {
					v.keep(fmt.Sprint(e.Properties["$insert_id"]), object{"event": e.Event, "properties": e.Properties})
				} else {
					failed = append(failed, object{"index": i, "insert_id": e.Properties["$insert_id"], "field": field, "message": "'" + field + "' is invalid"})
				}
			}
			if len(failed) > 0 {
				answers(w, 400, object{"code": 400, "error": "some data points in the request failed validation", "status": "Bad Request",
					"num_records_imported": len(events) - len(failed), "failed_records": failed})
				return
			}
			answers(w, 200, object{"code": 200, "num_records_imported": len(events), "status": "OK"})
		}
	})
}

var (
	mixpanelID     = regexp.MustCompile(`^[A-Za-z0-9-]{1,36}$`)
	mixpanelNobody = []string{"anon", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "00000000-0000-0000-0000-000000000000", "<nil>", "0", "-1", "true", "false", "[]", "{}", "lmy47d"}
)

// checkMixpanel gives the field that is wrong.
func checkMixpanel(name string, p map[string]any) string {
	at, isNumber := p["time"].(float64)
	if at > 1e11 { // milliseconds
		at /= 1000
	}
	person, isText := p["distinct_id"].(string)
	id, _ := p["$insert_id"].(string)
	switch {
	case name == "":
		return "event"
	case !isNumber || at < 31536000 || at > float64(time.Now().Add(time.Hour).Unix()):
		return "properties.time"
	case !isText || slices.Contains(mixpanelNobody, strings.ToLower(person)):
		return "properties.distinct_id"
	case !mixpanelID.MatchString(id):
		return "properties.$insert_id"
	case len(p) >= 255:
		return "properties"
	}
	return ""
}
