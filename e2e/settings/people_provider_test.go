package settings

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/access/oidc"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/internal/words"
)

// provider is a small OpenID Connect provider. Whoever comes is signed in as who.
type provider struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu    sync.Mutex
	who   map[string]any        // claims of who signs in
	spoil func(map[string]any)  // makes the id_token wrong; nil: it is right
	asked map[string]url.Values // what the browser brought, by code
}

const clientSecret = "the-secret-of-the-client"

func startProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, asked: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		send(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		send(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		code := rand.Text()
		p.mu.Lock()
		p.asked[code] = q
		p.mu.Unlock()
		http.Redirect(w, r, q.Get("redirect_uri")+"?code="+code+"&state="+url.QueryEscape(q.Get("state")), http.StatusFound)
	})
	mux.HandleFunc("/token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func send(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// token exchanges a code, once, for whoever proves to have begun.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	if id == "" {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	asked, known := p.asked[r.FormValue("code")]
	delete(p.asked, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !known || id != "flags" || secret != clientSecret || asked.Get("code_challenge_method") != "S256" ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		send(w, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"iss": p.URL, "aud": "flags", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": asked.Get("nonce")}
	for name, value := range p.who {
		claims[name] = value
	}
	if p.spoil != nil {
		p.spoil(claims)
	}
	payload, _ := json.Marshal(claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: "one"}}, nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	signed, _ := signer.Sign(payload)
	raw, _ := signed.CompactSerialize()
	send(w, map[string]any{"access_token": "opens-nothing-here", "token_type": "Bearer", "id_token": raw, "expires_in": 3600})
}

func (p *provider) is(who map[string]any, spoil func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.who, p.spoil = who, spoil
}

func claims(subject, email string, more ...any) map[string]any {
	who := map[string]any{"sub": subject, "email": email, "email_verified": true, "name": strings.SplitN(email, "@", 2)[0]}
	for i := 0; i+1 < len(more); i += 2 {
		who[more[i].(string)] = more[i+1]
	}
	return who
}

// withProvider makes a house whose people may sign in at a provider.
func withProvider(t *testing.T, change ...func(*access.Options)) (*house, *provider) {
	t.Helper()
	p := startProvider(t)
	late := &lateProvider{}
	h := standsAlone(t, append([]func(*access.Options){func(o *access.Options) { o.Provider = late }}, change...)...)
	made, err := oidc.New(oidc.Config{Issuer: p.URL, ClientID: "flags", ClientSecret: clientSecret, Title: "Toprent login", Redirect: h.URL + "/settings/sign-in/back"})
	if err != nil {
		t.Fatal(err)
	}
	late.Provider = made
	return h, p
}

// lateProvider is filled in once it is known where the house is.
type lateProvider struct{ access.Provider }

// signsInElsewhere goes to the provider and comes back, and gives what then happens.
func signsInElsewhere(t *testing.T, b *settingstest.Browser) *settingstest.Page {
	t.Helper()
	return comesBack(t, b, toProvider(t, b, ""))
}

// toProvider gives where the provider sends the browser back to.
func toProvider(t *testing.T, b *settingstest.Browser, query string) string {
	t.Helper()
	begun := b.Gets("/settings/sign-in/elsewhere" + query).Is(http.StatusSeeOther)
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := once.Get(begun.Location)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	u, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

func comesBack(t *testing.T, b *settingstest.Browser, to string) *settingstest.Page {
	t.Helper()
	return b.Gets(to)
}

func TestPeopleSignInAtAProvider(t *testing.T) {
	h, p := withProvider(t)
	h.first()
	h.As("").Opens("/sign-in").Sees("Sign in with Toprent login")

	p.is(claims("s-1", "new@toprent.example"), nil)
	b := h.As("")
	signsInElsewhere(t, b).Is(http.StatusSeeOther)
	b.Opens("/me").Sees("no role yet")

	_, link, err := h.accounts.Invite(t.Context(), "eve@toprent.example", "", everywhere(access.Editor), "test")
	if err != nil {
		t.Fatal(err)
	}
	p.is(claims("s-2", "Eve@toprent.example"), nil)
	eve := h.As("")
	if back := comesBack(t, eve, toProvider(t, eve, "?next="+url.QueryEscape("/settings/me"))); back.Location != "/settings/me" {
		t.Errorf("it leads to %q", back.Location)
	}
	eve.Opens("/me").Sees("editor").Lacks("Your password")
	h.As("").Gets("/settings/join/" + link).Is(http.StatusGone)

	p.is(claims("s-2", "eve.married@toprent.example"), nil) // with another address she is the same
	again := h.As("")
	signsInElsewhere(t, again).Is(http.StatusSeeOther)
	again.Opens("/me").Sees("eve@toprent.example", "editor")
}

func TestAProvidersWordIsTrustedOnlyAsFarAsItGoes(t *testing.T) {
	h, p := withProvider(t)
	h.first()
	h.joins("bob@toprent.example", everywhere(access.Admin))
	for _, invited := range []string{"eve@toprent.example", "lin@toprent.example"} {
		if _, _, err := h.accounts.Invite(t.Context(), invited, "", everywhere(access.Admin), "test"); err != nil {
			t.Fatal(err)
		}
	}
	p.is(claims("s-lin", "lin@toprent.example"), nil)
	signsInElsewhere(t, h.As("")).Is(http.StatusSeeOther)
	for name, c := range map[string]struct {
		who   map[string]any
		spoil func(map[string]any)
	}{
		"an address of an account with a password":  {claims("s-9", "ada@toprent.example"), nil},
		"an unverified address":                     {claims("s-9", "x@toprent.example", "email_verified", false), nil},
		"verified as a word":                        {claims("s-9", "x@toprent.example", "email_verified", "true"), nil},
		"nothing about whether it is verified":      {claims("s-9", "x@toprent.example", "email_verified", nil), nil},
		"an invited person's, unverified":           {claims("s-9", "eve@toprent.example", "email_verified", false), nil},
		"an invited person's, and nothing about it": {claims("s-9", "eve@toprent.example", "email_verified", nil), nil},
		"a linked person's":                         {claims("s-9", "lin@toprent.example"), nil},
		"a linked person's, unverified":             {claims("s-9", "lin@toprent.example", "email_verified", nil), nil},
		"a linked person's subject elsewhere":       {claims("s-lin", "lin@toprent.example"), func(c map[string]any) { c["iss"] = "https://evil.example" }},
		"no address":                                {map[string]any{"sub": "s-9", "email_verified": true}, nil},
		"another nonce":                             {claims("s-9", "x@toprent.example"), func(c map[string]any) { c["nonce"] = "another" }},
		"no nonce":                                  {claims("s-9", "x@toprent.example"), func(c map[string]any) { delete(c, "nonce") }},
		"another client's":                          {claims("s-9", "x@toprent.example"), func(c map[string]any) { c["aud"] = "another" }},
		"another issuer's":                          {claims("s-9", "x@toprent.example"), func(c map[string]any) { c["iss"] = "https://evil.example" }},
		"an expired one":                            {claims("s-9", "x@toprent.example"), func(c map[string]any) { c["exp"] = 1 }},
	} {
		p.is(c.who, c.spoil)
		b := h.As("")
		if back := signsInElsewhere(t, b); back.Status != http.StatusForbidden || cookieOf(back, "flags-session") != "" {
			t.Errorf("%s: %d, %s", name, back.Status, back.Text())
		}
		b.Gets("/settings/me").Is(http.StatusSeeOther)
	}
	// What one browser began, another cannot end: nobody is signed in as somebody else without knowing it.
	p.is(claims("s-9", "mallory@evil.example"), nil)
	mallory, victim := h.As(""), h.As("")
	to := toProvider(t, mallory, "")
	comesBack(t, victim, to).Is(http.StatusForbidden)
	toProvider(t, victim, "") // even if the victim is just signing in
	comesBack(t, victim, to).Is(http.StatusForbidden)
	comesBack(t, mallory, to).Is(http.StatusSeeOther)
	comesBack(t, mallory, to).Is(http.StatusForbidden) // once
	if next := comesBack(t, victim, toProvider(t, victim, "?next="+url.QueryEscape("//evil.example"))); next.Location != "/settings/flags" {
		t.Errorf("it leads to %q", next.Location)
	}
	if log := h.log.String(); strings.Contains(log, clientSecret) {
		t.Errorf("the log has the client's secret:\n%s", log)
	}
}

func TestWhoIsLinkedNeedsNoVerifiedAddressAgain(t *testing.T) {
	h, p := withProvider(t)
	ada := h.first()
	if _, _, err := h.accounts.Invite(t.Context(), "eve@toprent.example", "Eve", everywhere(access.Editor), "test"); err != nil {
		t.Fatal(err)
	}
	p.is(claims("s-2", "eve@toprent.example"), nil)
	signsInElsewhere(t, h.As("")).Is(http.StatusSeeOther)
	linked := h.account("eve@toprent.example")

	for name, who := range map[string]map[string]any{
		"nothing about whether it is verified": {"sub": "s-2", "email": "eve@toprent.example"},
		"it is not verified":                   claims("s-2", "eve@toprent.example", "email_verified", false),
		"another's, which is not verified":     claims("s-2", "ada@toprent.example", "email_verified", false),
		"another's, and nothing about it":      {"sub": "s-2", "email": "ada@toprent.example", "name": "Ada"},
		"another's, which is verified":         claims("s-2", "ada@toprent.example"),
		"no address":                           {"sub": "s-2"},
	} {
		p.is(who, nil)
		b := h.As("")
		if back := signsInElsewhere(t, b); back.Status != http.StatusSeeOther {
			t.Errorf("%s: %d, %s", name, back.Status, back.Text())
			continue
		}
		b.Opens("/me").Sees("eve@toprent.example", "editor").Lacks("ada@toprent.example")
		if is := h.account("eve@toprent.example"); is.ID != linked.ID || is.Name != "Eve" || !maps.Equal(is.Roles, linked.Roles) {
			t.Errorf("%s: the account is %+v, was %+v", name, is, linked)
		}
	}
	// The audit tells whose account it was, not what the provider said of them.
	comesTo(t, func() bool {
		return strings.Count(ada.Opens("/audit?chain=access&kind=sign-in").Text(), words.Deed("sign-in")+" by eve@toprent.example") == 7
	})
	ada.Opens("/audit?chain=access&kind=sign-in").Lacks(words.Deed("sign-in") + " by ada@toprent.example")
}

func TestWhyAnAddressIsNotTakenIsSaid(t *testing.T) {
	h, p := withProvider(t)
	h.first()
	for name, c := range map[string]struct {
		who  map[string]any
		sees string
	}{
		"it is not verified": {claims("s-9", "x@toprent.example", "email_verified", false), "Verify it with the provider"},
		"nothing about it":   {map[string]any{"sub": "s-9", "email": "x@toprent.example"}, "does not say whether it is verified (email_verified): ask whoever runs it to add the claim"},
		"null":               {claims("s-9", "x@toprent.example", "email_verified", nil), "ask whoever runs it to add the claim"},
		"a text":             {claims("s-9", "x@toprent.example", "email_verified", "true"), "not as a text"},
		"no address":         {map[string]any{"sub": "s-9", "email_verified": true}, "(email): ask whoever runs it to add the claim"},
	} {
		p.is(c.who, nil)
		if back := signsInElsewhere(t, h.As("")); back.Status != http.StatusForbidden || !strings.Contains(back.Text(), c.sees) {
			t.Errorf("%s: %d, %s", name, back.Status, back.Text())
		}
	}
}

func TestAProviderIsAskedForWhatItTellsOnlyThen(t *testing.T) {
	p := startProvider(t)
	made, err := oidc.New(oidc.Config{Issuer: p.URL, ClientID: "flags", Redirect: p.URL + "/back", Scopes: []string{"groups"}})
	if err != nil {
		t.Fatal(err)
	}
	to, err := made.Start(t.Context(), access.NewFlow())
	if err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(to); err != nil || u.Query().Get("scope") != "openid profile email groups" {
		t.Errorf("it is asked at %s, %v", to, err)
	}
}

func TestGroupsOfAProviderGiveRoles(t *testing.T) {
	groups, err := access.ParseGroupRoles("shop=editor@staging, shop=viewer, heads=admin")
	if err != nil {
		t.Fatal(err)
	}
	h, p := withProvider(t, func(o *access.Options) { o.GroupRoles = groups })
	h.first()
	b := h.As("")
	roles := func(more ...any) map[string]access.Role {
		t.Helper()
		p.is(claims("s-1", "eve@toprent.example", more...), nil)
		signsInElsewhere(t, b).Is(http.StatusSeeOther)
		b.Opens("/me")
		return h.account("eve@toprent.example").Roles
	}
	if got := roles("groups", []string{"shop", "others"}); len(got) != 2 || got["staging"] != access.Editor || got["*"] != access.Viewer {
		t.Errorf("%v", got)
	}
	if got := roles("groups", []string{"heads"}); len(got) != 1 || got["*"] != access.Admin {
		t.Errorf("%v", got)
	}
	if got := roles("groups", "heads"); len(got) != 0 { // no list: nothing
		t.Errorf("%v", got)
	}
	for _, wrong := range []string{"shop", "shop=king", "=viewer", "shop=viewer@"} {
		if _, err := access.ParseGroupRoles(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
