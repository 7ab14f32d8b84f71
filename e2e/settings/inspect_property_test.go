package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// recorded is what a page of a session carried, and all that its values are a function of.
type recorded struct {
	at       time.Time // by the database's clock
	pinned   int64
	pinnedAt time.Time
	newest   int64
	subject  ruleset.Subject
	page     []byte // what the browser got
	details  []ruleset.Detail
}

// life is a host whose sessions go on while its flags change.
type life struct {
	t      *testing.T
	random *rand.Rand
	store  *models.Store
	write  *changes.Changes
	flags  *service.FeatureFlagService
	keys   *sessions.CookieStore
	engine *gin.Engine
	served middleware.Flags // of the last page

	cookies [5][]*http.Cookie // of each session
	records []recorded
}

func newLife(t *testing.T, store *models.Store, seed uint64) *life {
	t.Helper()
	l := &life{t: t, random: rand.New(rand.NewPCG(seed, 2)), store: store, write: changes.New(store), keys: middleware.NewCookieStore(bytes.Repeat([]byte("k"), 32)), engine: gin.New()}
	var err error
	if l.flags, err = service.New(t.Context(), service.Config{Source: store, Environment: "development", Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	l.engine.Use(middleware.New(middleware.Config{Flags: l.flags, Sessions: l.keys, Subject: func(c *gin.Context) (ruleset.Subject, error) {
		return ruleset.Subject{User: c.GetHeader("X-User"), Tenant: c.GetHeader("X-Tenant"), Plan: c.GetHeader("X-Plan"), Attributes: map[string]any{"country": c.GetHeader("X-Country")}}, nil
	}}))
	l.engine.GET("/", func(c *gin.Context) {
		l.served = middleware.From(c)
		c.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>A page</title>"))
	})
	return l
}

// changes publishes something at random: settings, an override, a plan, a kill, a lift or a recall. What is refused is
// part of life.
func (l *life) changes() {
	l.t.Helper()
	ctx, key := l.t.Context(), fmt.Sprint("flag-", l.random.IntN(6))
	versions, err := l.write.Versions(ctx, "development")
	if err != nil {
		l.t.Fatal(err)
	}
	publish := func(edit changes.Edit) {
		_, err = l.write.Publish(ctx, changes.Change{Environment: "development", Author: "ann", Edits: []changes.Edit{edit}})
	}
	switch l.random.IntN(12) {
	case 0, 1:
		_, err = l.write.Kill(ctx, "development", key, "ann", "why not")
	case 2, 3:
		_, err = l.write.Lift(ctx, "development", key, "ann", "why not")
	case 4:
		_, err = l.write.Recall(ctx, "development", "ann", "why not")
	case 5:
		publish(changes.ArchiveFlag{Key: key, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: key}]})
	case 6:
		publish(randomEdit(l.random, versions))
	default:
		publish(l.settings(key, versions))
	}
	var refused *changes.RefusedError
	var conflict *changes.ConflictError
	if err != nil && !errors.As(err, &refused) && !errors.As(err, &conflict) && !errors.Is(err, changes.ErrNoFlag) {
		l.t.Fatal(err)
	}
	if err := l.flags.Refresh(ctx); err != nil {
		l.t.Fatal(err)
	}
}

// settings are settings at random, which read all that rules can read: who, the tenant, the plan, the country, the time.
func (l *life) settings(key string, versions map[changes.Item]int64) changes.PutFlag {
	kind := []ruleset.Kind{ruleset.Release, ruleset.Operational, ruleset.Premium, ruleset.Release, ruleset.Experiment, ruleset.Release}[key[len(key)-1]-'0']
	now := time.Now()
	from, to := now.Add(-time.Minute), now.Add(time.Minute)
	rules := []ruleset.Rule{
		{Percent: &ruleset.Percent{Serve: "on", Share: ruleset.Share(l.random.IntN(100_000))}},
		{Percent: &ruleset.Percent{Unit: "tenant", Serve: "on", From: 0, To: ruleset.Everyone, Start: &from, End: &to}},
		{When: &ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{[]string{"DE", "FR"}[l.random.IntN(2)]}}, Serve: []string{"on", "off"}[l.random.IntN(2)]},
		{Percent: &ruleset.Percent{Unit: "visitor", Serve: "on", Share: 50_000}},
	}
	flag := &ruleset.Flag{Key: key, Kind: kind, Type: ruleset.Boolean, ClientVisible: l.random.IntN(4) > 0, Enabled: l.random.IntN(5) > 0, Otherwise: []string{"on", "off"}[l.random.IntN(2)],
		Rules: []ruleset.Rule{rules[l.random.IntN(len(rules))], rules[l.random.IntN(len(rules))]}}
	if l.random.IntN(4) == 0 {
		flag.Prerequisites = []ruleset.Prerequisite{{Flag: fmt.Sprint("flag-", l.random.IntN(6)), Variant: "on"}}
	}
	put := changes.PutFlag{Flag: flag, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: key}]}
	if about := versions[changes.Item{Kind: changes.ItemAbout, Key: key}]; about == 0 {
		put.About = &changes.FlagDocument{Key: key, Title: key, Kind: kind, Type: ruleset.Boolean}
	}
	return put
}

// opens lets one of the sessions open a page, and records it.
func (l *life) opens() {
	l.t.Helper()
	session := l.random.IntN(len(l.cookies))
	request := httptest.NewRequestWithContext(l.t.Context(), http.MethodGet, "/", nil)
	request.Header.Set("Accept", "text/html")
	request.Header.Set("X-User", fmt.Sprint("user-", session))
	request.Header.Set("X-Tenant", fmt.Sprint("tenant-", session%3))
	request.Header.Set("X-Plan", fmt.Sprint("plan-", l.random.IntN(4))) // somebody may upgrade between two pages
	request.Header.Set("X-Country", []string{"DE", "FR"}[l.random.IntN(2)])
	for _, cookie := range l.cookies[session] {
		request.AddCookie(cookie)
	}
	r := recorded{at: l.now()}
	response := httptest.NewRecorder()
	l.engine.ServeHTTP(response, request)
	for _, cookie := range response.Result().Cookies() {
		l.cookies[session] = append(slices.DeleteFunc(l.cookies[session], func(c *http.Cookie) bool { return c.Name == cookie.Name }), cookie)
	}
	for _, cookie := range l.cookies[session] {
		if strings.HasSuffix(cookie.Name, "-pin") {
			r.pinned, r.pinnedAt = l.decode(cookie)
		}
	}
	_, block, _ := strings.Cut(response.Body.String(), `{"values":`)
	var values json.RawMessage
	if err := json.NewDecoder(strings.NewReader(block)).Decode(&values); err != nil {
		l.t.Fatalf("a page without values: %v\n%s", err, response.Body)
	}
	r.page, r.newest, r.subject, r.details = values, l.flags.Newest().Newest().Number, l.served.Subject(), slices.Collect(l.served.All())
	l.records = append(l.records, r)
	for !l.now().After(r.at) { // so that no change has the page's own moment
	}
}

func (l *life) now() time.Time {
	l.t.Helper()
	now, err := l.store.Now(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return now
}

// decode reads a pin from its cookie, as only those can who have the key.
func (l *life) decode(cookie *http.Cookie) (revision int64, at time.Time) {
	l.t.Helper()
	var text string
	if err := securecookie.DecodeMulti(cookie.Name, cookie.Value, &text, l.keys.Codecs...); err != nil {
		l.t.Fatal(err)
	}
	parts := strings.Split(text, ".")
	revision, err := strconv.ParseInt(parts[1], 10, 64)
	seconds, err2 := strconv.ParseInt(parts[3], 10, 64)
	if err != nil || err2 != nil {
		l.t.Fatalf("a pin says %q", text)
	}
	return revision, time.Unix(seconds, 0)
}

// Values are a pure function of (pinned revision, newest revision, subject, pinned time): whatever was shown can be
// computed again. Where the pin is not known, what was shown is among what could have been.
func TestAnyPastValueCanBeComputedAgain(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		l := newLife(t, store, seed)
		for range 70 {
			l.changes()
			for range l.random.IntN(4) {
				l.opens()
			}
		}
		behind := 0
		inspector := asof.New(store, catalog.New(store))
		for i := range l.records {
			r := &l.records[l.random.IntN(len(l.records))] // in no order, so that past states are made of many others
			if i%2 == 0 {
				r = &l.records[i]
			}
			l.computesAgain(inspector, r)
			l.isAmongWhatCouldHaveBeen(inspector, r)
			if r.pinned < r.newest {
				behind++
			}
		}
		if len(l.records) < 40 || behind < 20 {
			t.Errorf("%d pages, %d of them under an older revision, prove little", len(l.records), behind)
		}
	})
}

func (l *life) computesAgain(inspector *asof.Inspector, r *recorded) {
	l.t.Helper()
	m, err := inspector.Moment(l.t.Context(), asof.Question{Environment: "development", At: r.at, Pinned: &r.pinned, PinnedAt: &r.pinnedAt})
	if err != nil {
		l.t.Fatal(err)
	}
	if m.Newest.Head != r.newest {
		l.t.Fatalf("the newest revision at %v was %d, not %d", r.at, r.newest, m.Newest.Head)
	}
	values := m.Possible[0].Values(r.subject)
	if !bytes.Equal(values.JSON(), r.page) {
		l.t.Fatalf("pinned %d, newest %d: the page showed\n%s\nand now it is\n%s", r.pinned, r.newest, r.page, values.JSON())
	}
	if again := slices.Collect(values.All()); !reflect.DeepEqual(again, r.details) {
		l.t.Fatalf("pinned %d, newest %d: the server had\n%+v\nand now has\n%+v", r.pinned, r.newest, r.details, again)
	}
}

func (l *life) isAmongWhatCouldHaveBeen(inspector *asof.Inspector, r *recorded) {
	l.t.Helper()
	m, err := inspector.Moment(l.t.Context(), asof.Question{Environment: "development", At: r.at})
	if err != nil {
		l.t.Fatal(err)
	}
	if m.More == 0 && !slices.Contains(m.Revisions(), r.pinned) {
		l.t.Fatalf("a session had pinned %d, and only %v are thought possible", r.pinned, m.Revisions())
	}
	if !slices.Contains(m.Revisions(), r.pinned) {
		return
	}
	flags := m.Flags(r.subject)
	for _, was := range r.details {
		i := slices.IndexFunc(flags, func(f asof.Flag) bool { return f.Key == was.Key })
		if i < 0 || !slices.ContainsFunc(flags[i].Outcomes, func(o asof.Outcome) bool {
			o.Gated = was.Gated // nobody sees it: what differs in it alone is one outcome, under all of its pins
			return reflect.DeepEqual(o.Detail, was) && slices.ContainsFunc(o.Under, func(n int) bool { return m.Possible[n].Revision.Number == r.pinned })
		}) {
			l.t.Fatalf("pinned %d, newest %d: %+v was shown, and is not thought possible", r.pinned, r.newest, was)
		}
	}
}
