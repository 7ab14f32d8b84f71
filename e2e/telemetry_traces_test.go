package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/telemetry/flagtraces"
)

// traced is a database whose changes, service, directory and site are traced.
type traced struct {
	t        *testing.T
	spans    *tracetest.InMemoryExporter
	provider *trace.TracerProvider
	changes  *changes.Changes
	flags    *service.FeatureFlagService
	seen     *directory.Directory
	store    *models.Store
}

func newTraced(t *testing.T, options ...trace.TracerProviderOption) *traced {
	t.Helper()
	tr := &traced{t: t, spans: tracetest.NewInMemoryExporter(), store: openSQLite(t)}
	tr.provider = trace.NewTracerProvider(append(options, trace.WithSyncer(tr.spans))...)
	hooks := flagtraces.Hooks(tr.provider)
	newStorage(t, tr.store) // in which production takes no approvals
	tr.changes = changes.New(tr.store, changes.Options{Telemetry: hooks})
	tr.seen = directory.New(tr.store, directory.Options{Telemetry: hooks, Logger: slog.New(slog.DiscardHandler)})
	var err error
	tr.flags, err = service.New(t.Context(), service.Config{Source: tr.store, Environment: prod, Telemetry: hooks, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	tr.told() // of the start
	return tr
}

func (tr *traced) publishes(ctx context.Context, edits ...changes.Edit) {
	tr.t.Helper()
	if _, err := tr.changes.Publish(ctx, changes.Change{Environment: prod, Author: "ann", Reason: "a test", Edits: edits}); err != nil {
		tr.t.Fatal(err)
	}
}

// site asks the site for a page, which reads a flag and tells of it, and of a flag that there is not.
func (tr *traced) site(then func(*gin.Context)) {
	tr.t.Helper()
	gin.SetMode(gin.TestMode)
	r := gin.New()
	r.Use(otelgin.Middleware("site", otelgin.WithTracerProvider(tr.provider)))
	r.Use(middleware.New(middleware.Config{Flags: tr.flags, Sessions: middleware.NewCookieStore([]byte(strings.Repeat("k", 32))),
		Subject: func(*gin.Context) (ruleset.Subject, error) {
			return ruleset.Subject{User: "ann@toprent.example", Tenant: "acme"}, nil
		}}))
	r.GET("/", func(c *gin.Context) {
		then(c)
		c.String(http.StatusOK, "a page")
	})
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

// told gives the spans that ended since the last time, in the order of their ends, and makes sure that none names a person.
func (tr *traced) told() tracetest.SpanStubs {
	tr.t.Helper()
	spans := tr.spans.GetSpans()
	tr.spans.Reset()
	for _, span := range spans {
		if text := fmt.Sprintf("%+v", span); strings.Contains(text, "ann") && strings.Contains(text, "ann@") {
			tr.t.Errorf("a span names a person: %s", text)
		}
	}
	return spans
}

func namesOf(spans tracetest.SpanStubs) (names []string) {
	for _, span := range spans {
		names = append(names, span.Name)
	}
	return names
}

// wantAttributes are written key=value.
func wantAttributes(t *testing.T, span tracetest.SpanStub, want ...string) {
	t.Helper()
	var got []string
	for _, a := range span.Attributes {
		got = append(got, string(a.Key)+"="+a.Value.String())
	}
	want = append(want, "feature_flag.provider.name=toprent-flags")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s has %q, not %q", span.Name, got, want)
	}
}

func TestAnEvaluationIsASpanOfItsRequest(t *testing.T) {
	tr := newTraced(t)
	tr.publishes(t.Context(), newFlag("home"), newFlag("other"))
	if err := tr.flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	tr.told()
	tr.site(func(c *gin.Context) {
		middleware.On(c, "home")
		middleware.On(c, "other") // is decided already
		flagtraces.AddRead(c.Request.Context(), middleware.From(c).Detail("home"))
		flagtraces.AddRead(c.Request.Context(), middleware.From(c).Detail("hone"))
	})
	spans := tr.told()
	if names := namesOf(spans); !slices.Equal(names, []string{"flags evaluate", "GET /"}) {
		t.Fatalf("the spans are %q", names)
	}
	evaluation, request := spans[0], spans[1]
	if evaluation.Parent.SpanID() != request.SpanContext.SpanID() {
		t.Error("the evaluation is not the request's")
	}
	wantAttributes(t, evaluation, "feature_flag.set.id=production", "feature_flag.version=1", "flags.flags=2", "flags.cached=false")
	var events []string
	for _, event := range request.Events {
		text := event.Name
		for _, a := range event.Attributes {
			text += " " + string(a.Key) + "=" + a.Value.String()
		}
		events = append(events, text)
	}
	const event = "feature_flag.evaluation feature_flag.provider.name=toprent-flags feature_flag.key="
	want := []string{event + "home feature_flag.result.reason=default feature_flag.result.variant=off",
		event + "hone feature_flag.result.reason=error error.type=flag_not_found"}
	if detail := tr.flags.Values(t.Context(), ruleset.Subject{}).Detail("home"); detail.Variant != "off" || detail.Reason != ruleset.NothingMatched {
		want[0] = event + "home feature_flag.result.reason=" + strings.ToLower(detail.Reason.String()) + " feature_flag.result.variant=" + detail.Variant
	}
	if !slices.Equal(events, want) {
		t.Errorf("the events are %q, not %q", events, want)
	}
}

func TestARequestThatIsNotTracedTellsNothing(t *testing.T) {
	tr := newTraced(t, trace.WithSampler(trace.NeverSample()))
	tr.site(func(c *gin.Context) {
		middleware.On(c, "home")
		flagtraces.AddRead(c.Request.Context(), middleware.From(c).Detail("home"))
	})
	tr.flags.Values(t.Context(), ruleset.Subject{})
	if spans := tr.told(); len(spans) > 0 {
		t.Errorf("the spans are %q", namesOf(spans))
	}
}

func TestAnEvaluationWithoutARequestIsNoTraceOfItsOwn(t *testing.T) {
	tr := newTraced(t)
	tr.flags.Values(t.Context(), ruleset.Subject{User: "bob"})
	if spans := tr.told(); len(spans) > 0 {
		t.Errorf("the spans are %q", namesOf(spans))
	}
}

func TestChangesAreSpansOfWhoAskedForThem(t *testing.T) {
	tr := newTraced(t)
	ctx, request := tr.provider.Tracer("test").Start(t.Context(), "the form")
	tr.publishes(ctx, newFlag("home"))
	if _, err := tr.changes.Kill(ctx, prod, "home", "ann@toprent.example", "it breaks"); err != nil {
		t.Fatal(err)
	}
	spans := tr.told()
	if names := namesOf(spans); !slices.Equal(names, []string{"flags publish", "flags kill"}) {
		t.Fatalf("the spans are %q", names)
	}
	for i, kind := range []string{"publish", "kill"} {
		if spans[i].Parent.SpanID() != request.SpanContext().SpanID() || spans[i].Status.Code != codes.Unset {
			t.Errorf("%+v", spans[i])
		}
		wantAttributes(t, spans[i], "flags.result=done", "feature_flag.set.id=production", fmt.Sprintf("feature_flag.version=%d", i+1),
			fmt.Sprintf(`flags.made=["production %d %s"]`, i+1, kind))
	}
}

func TestAChangeThatIsRefusedHasNotFailed(t *testing.T) {
	tr := newTraced(t)
	if _, err := tr.changes.Kill(t.Context(), prod, "no-such-flag", "ann@toprent.example", "ann@toprent.example asked for it"); err == nil {
		t.Fatal("there is no such flag")
	}
	spans := tr.told()
	if len(spans) != 1 || spans[0].Status.Code != codes.Unset {
		t.Fatalf("%+v", spans)
	}
	wantAttributes(t, spans[0], "flags.result=refused")
}

func TestAChangeWhoseDatabaseIsGoneHasFailed(t *testing.T) {
	tr := newTraced(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.changes.Kill(gone, prod, "home", "ann", "it breaks"); err == nil {
		t.Fatal("nobody waits for it any more")
	}
	if spans := tr.told(); len(spans) != 1 || spans[0].Status.Code != codes.Error {
		t.Errorf("%+v", spans)
	}
}

func TestARefreshIsTracedIfItFoundSomethingNewOrFailed(t *testing.T) {
	tr := newTraced(t)
	refresh := func(works bool) tracetest.SpanStubs {
		t.Helper()
		if err := tr.flags.Refresh(t.Context()); (err == nil) != works {
			t.Errorf("a refresh gives %v", err)
		}
		return tr.told()
	}
	if spans := refresh(true); len(spans) > 0 {
		t.Errorf("nothing is new: %q", namesOf(spans))
	}
	tr.publishes(t.Context(), newFlag("home"))
	tr.told()
	if spans := refresh(true); len(spans) != 1 || spans[0].Name != "flags refresh" || !spans[0].EndTime.After(spans[0].StartTime) {
		t.Errorf("%+v", spans)
	} else {
		wantAttributes(t, spans[0], "feature_flag.set.id=production", "feature_flag.version=1", "flags.flags=1", "flags.new=true")
	}
	if err := tr.store.Close(); err != nil {
		t.Fatal(err)
	}
	if spans := refresh(false); len(spans) != 1 || spans[0].Status.Code != codes.Error {
		t.Errorf("%+v", spans)
	}
}

func TestAFlushIsTracedIfThereWasSomething(t *testing.T) {
	tr := newTraced(t)
	for _, people := range []int{0, 2} {
		for i := range people {
			tr.seen.Saw(prod, ruleset.Subject{User: fmt.Sprint("user-", i)})
		}
		if err := tr.seen.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		spans := tr.told()
		if people == 0 && len(spans) > 0 || people > 0 && len(spans) != 1 {
			t.Fatalf("%d people: %+v", people, spans)
		}
		if people > 0 {
			wantAttributes(t, spans[0], "flags.rows=2")
		}
	}
}
