package settings

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestAnotherSiteCannotPostTheForms(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	forms := []string{"/sign-in", "/sign-out", "/first/x", "/join/x", "/reset/x"}
	for route := range h.Settings.Needs() {
		if path, ok := strings.CutPrefix(route, "POST /settings"); ok && (strings.HasPrefix(path, "/me") || strings.HasPrefix(path, "/people")) {
			forms = append(forms, path)
		}
	}
	if len(forms) < 15 {
		t.Fatalf("only %d forms", len(forms))
	}
	body := url.Values{"email": {"ada@toprent.example"}, "password": {good}}.Encode()
	for _, path := range forms {
		for _, from := range []http.Header{
			{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
			{"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}}, {"Sec-Fetch-Site": nil, "Origin": {"null"}}, {"Sec-Fetch-Site": nil, "Origin": nil},
		} {
			ada.Header = from
			p := ada.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", body)
			if p.Status != http.StatusForbidden || len(p.Header["Set-Cookie"]) > 0 {
				t.Errorf("POST %s from %v: %d, %v", path, from, p.Status, p.Header["Set-Cookie"])
			}
		}
		ada.Header = http.Header{}
		if p := ada.Sends(http.MethodPost, "/settings"+path, "text/plain", `{"email":"ada@toprent.example"}`); p.Status != http.StatusUnsupportedMediaType {
			t.Errorf("POST %s as text/plain: %d", path, p.Status)
		}
	}
	ada.Opens("/me")
}

func TestASessionThatWasPlantedIsNotTheOneThatIsSignedIn(t *testing.T) {
	h := standsAlone(t)
	h.first()
	planted := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	victim, thief := h.As(""), h.As("")
	victim.Header.Set("Cookie", "flags-session="+planted)
	p := signsIn(victim, "ada@toprent.example", good).Is(http.StatusSeeOther)
	if got := cookieOf(p, "flags-session"); got == "" || got == planted {
		t.Errorf("the session is %q", got)
	}
	thief.Header.Set("Cookie", "flags-session="+planted)
	thief.Gets("/settings/me").Is(http.StatusSeeOther)
	again := signsIn(h.As(""), "ada@toprent.example", good)
	if cookieOf(again, "flags-session") == cookieOf(p, "flags-session") {
		t.Error("two sign-ins have one session")
	}
	for _, header := range p.Header["Set-Cookie"] {
		for _, attribute := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(header, attribute) {
				t.Errorf("%s lacks %s", header, attribute)
			}
		}
	}
}

func TestAfterSigningInNobodyIsSentToAnotherHost(t *testing.T) {
	h := standsAlone(t)
	h.first()
	for _, evil := range []string{"//evil", "///evil", `/\evil`, `\\evil`, `/\/evil`, "https://evil", "https:evil", "https:/evil", "javascript:alert(1)", "data:text/html,x",
		"/\t/evil", "/\n/evil", "\t//evil", " //evil", "/\x00/evil", "evil", "@evil", "/%5cevil\\", "http:///evil", "/settings\r\nSet-Cookie: a=b", "//evil@here", "/%2f/evil/..//\\"} {
		form := url.Values{"email": {"ada@toprent.example"}, "password": {good}, "next": {evil}}
		p := h.As("").Sends(http.MethodPost, "/settings/sign-in", "application/x-www-form-urlencoded", form.Encode()).Is(http.StatusSeeOther)
		if p.Location != "/settings/flags" {
			t.Errorf("next=%q leads to %q", evil, p.Location)
		}
		shown := h.As("").Gets("/settings/sign-in?next=" + url.QueryEscape(evil))
		if next, _ := shown.Find("input[name=next]").Attr("value"); next != "/settings/flags" {
			t.Errorf("next=%q is in the form as %q", evil, next)
		}
	}
	form := url.Values{"email": {"ada@toprent.example"}, "password": {good}, "next": {"/settings/me?a=b#c"}}
	if p := h.As("").Sends(http.MethodPost, "/settings/sign-in", "application/x-www-form-urlencoded", form.Encode()); p.Location != "/settings/me?a=b#c" {
		t.Errorf("a path of this host leads to %q", p.Location)
	}
}

func TestNobodyLearnsWhetherThereIsAnAccount(t *testing.T) {
	h := standsAlone(t)
	h.first()
	h.joins("gone@toprent.example", everywhere(access.Viewer))
	gone := h.account("gone@toprent.example")
	if err := h.accounts.SetDisabled(t.Context(), gone.ID, true, gone.Version); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.accounts.Invite(t.Context(), "invited@toprent.example", "", nil, "test"); err != nil {
		t.Fatal(err)
	}
	took := map[string][]time.Duration{}
	said := map[string]string{}
	who := map[string]string{"ada@toprent.example": "wrong wrong wrong", "nobody@toprent.example": "wrong wrong wrong", "gone@toprent.example": good, "invited@toprent.example": ""}
	for range 9 {
		h.clock.passes(2 * time.Hour) // so that nobody has to wait
		for email, password := range who {
			begun := time.Now()
			p := signsIn(h.As(""), email, password).Is(http.StatusUnprocessableEntity)
			took[email] = append(took[email], time.Since(begun))
			said[email] = p.Find("main").Text()
		}
	}
	least := func(email string) time.Duration { return slices.Min(took[email]) } // whatever else the machine does can only slow it down
	there := least("ada@toprent.example")
	for email := range who {
		if said[email] != said["ada@toprent.example"] {
			t.Errorf("%s is answered otherwise:\n%s", email, said[email])
		}
		if m := least(email); m < there/4 || m > there*4 { // without a comparison it would be a tenth
			t.Errorf("%s is answered in %s, an account in %s", email, m, there)
		}
	}
	t.Logf("an account: %s, none: %s", there, least("nobody@toprent.example"))
	// Nor by having to wait.
	for _, email := range []string{"ada@toprent.example", "nobody@toprent.example"} {
		h.clock.passes(2 * time.Hour)
		n := 0
		for ; signsIn(h.As(""), email, "wrong").Status == http.StatusUnprocessableEntity; n++ {
		}
		if n != 5 {
			t.Errorf("%s: %d attempts before a wait", email, n)
		}
	}
}

func TestGuessingIsSlowHoweverTheAddressIsForged(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		ada := h.first()
		tried := 0
		for i := range 40 {
			b := h.As("")
			b.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", i, i))
			b.Header.Set("X-Real-Ip", fmt.Sprintf("10.1.%d.%d", i, i))
			b.Header.Set("Forwarded", fmt.Sprintf("for=10.2.%d.%d", i, i))
			if signsIn(b, "ada@toprent.example", fmt.Sprintf("guess %d", i)).Status == http.StatusUnprocessableEntity {
				tried++
			}
		}
		if tried != 5 {
			t.Errorf("%d guesses at one account were looked at", tried)
		}
		// Guessing at many accounts is slow for one address, too.
		tried = 0
		for i := range 40 {
			b := h.As("")
			b.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.%d.%d", i, i))
			if signsIn(b, fmt.Sprintf("person%d@toprent.example", i), "Spring2026!!").Status == http.StatusUnprocessableEntity {
				tried++
			}
		}
		if tried > 20 {
			t.Errorf("%d accounts were tried from one address", tried)
		}
		// Who is signed in stays so, and who has signed in in a browser before can do so again from elsewhere.
		ada.Opens("/me")
		// The wait of an account is never longer than a minute.
		for range 30 {
			h.clock.passes(61 * time.Second)
			if _, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", "guess", access.Client{Address: "192.0.2.7"}); err == nil {
				t.Fatal("a guess was right")
			}
		}
		h.clock.passes(61 * time.Second)
		if _, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", good, access.Client{Address: "192.0.2.8"}); err != nil {
			t.Errorf("after a minute the owner is still kept out: %v", err)
		}
	})
}

func TestStrangersWhoGuessDoNotKeepTheOwnerOut(t *testing.T) {
	h := standsAlone(t)
	h.first()
	in, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", good, access.Client{Address: "192.0.2.1"})
	if err != nil || in.Device == "" {
		t.Fatal(err)
	}
	for range 6 {
		_, _ = h.accounts.SignIn(t.Context(), "ada@toprent.example", "guess", access.Client{Address: "198.51.100.1"})
	}
	if _, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", good, access.Client{Address: "192.0.2.1"}); err == nil {
		t.Error("the account does not make strangers wait")
	}
	if _, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", good, access.Client{Address: "192.0.2.1", Device: in.Device}); err != nil {
		t.Errorf("the owner waits for strangers: %v", err)
	}
	// A browser that has signed in to one account is a stranger to another.
	h.joins("mallory@toprent.example", everywhere(access.Viewer))
	mallory, err := h.accounts.SignIn(t.Context(), "mallory@toprent.example", good, access.Client{Address: "192.0.2.9"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", "guess", access.Client{Address: "192.0.2.9", Device: mallory.Device}); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("another account's browser may guess: %v", err)
	}
}

func TestManyGuessesAtOnceGainNothing(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		h.first()
		var looked sync.Map
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				_, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", fmt.Sprint("guess ", i), access.Client{Address: fmt.Sprintf("192.0.2.%d", i)})
				if err != nil && strings.Contains(err.Error(), "wrong") {
					looked.Store(i, true)
				}
			})
		}
		all.Wait()
		n := 0
		looked.Range(func(any, any) bool { n++; return true })
		if n > 5 {
			t.Errorf("%d guesses at once were looked at", n)
		}
	})
}

func TestATrustedProxySaysForWhomItAsks(t *testing.T) {
	proxies, err := access.ParseProxies("127.0.0.1, 10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	h := standsAlone(t, func(o *access.Options) { o.TrustedProxies = proxies })
	for forwarded, want := range map[string]string{
		"203.0.113.5": "203.0.113.5", "198.51.100.1, 203.0.113.5": "203.0.113.5", "203.0.113.5, 10.1.2.3": "203.0.113.5",
		"": "127.0.0.1", "rubbish": "127.0.0.1", "1.2.3.4, rubbish": "127.0.0.1",
	} {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", forwarded)
		if got := h.accounts.Address(r); got != want {
			t.Errorf("%q comes from %s, want %s", forwarded, got, want)
		}
		r.RemoteAddr = "192.0.2.1:4711"
		if got := h.accounts.Address(r); got != "192.0.2.1" {
			t.Errorf("a stranger with %q comes from %s", forwarded, got)
		}
	}
}

func TestFieldsThatAFormDoesNotHaveMeanNothing(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	_, secret, err := h.accounts.Invite(t.Context(), "eve@toprent.example", "", everywhere(access.Viewer), "test")
	if err != nil {
		t.Fatal(err)
	}
	eve := h.As("")
	extra := []string{"role", "admin", "roles", "admin", "Role", "admin", "role-production", "admin", "id", "ada", "account_id", "ada", "ID", "ada", "version", "99", "disabled", "", "created_by", "me",
		"password_hash", "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE", "email", "ada@toprent.example", "author", "ada@toprent.example"}
	eve.Submits(eve.Opens("/join/"+secret), "/join/"+secret, append([]string{"password", good, "again", good}, extra...)...)
	const another = "nine tall yellow chairs"
	eve.Submits(eve.Opens("/me"), "/me/password", append([]string{"present", good, "password", another, "again", another}, extra...)...)
	account := h.account("eve@toprent.example")
	if account.Roles[access.Everywhere] != access.Viewer || len(account.Roles) != 1 || account.CreatedBy != "test" {
		t.Errorf("%+v", account)
	}
	path := "/people/accounts/" + account.ID
	ada.Submits(ada.Opens(path), path, "role", "editor", "password", "x", "email", "mallory@evil.example", "id", "x", "disabled", "on", "version", "99", "role-nowhere", "admin")
	after := h.account("eve@toprent.example")
	if after.Roles[access.Everywhere] != access.Editor || len(after.Roles) != 1 || after.Disabled || after.Version != account.Version+1 {
		t.Errorf("%+v", after)
	}
	signsIn(h.As(""), "eve@toprent.example", another).Is(http.StatusSeeOther)
}

func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	h := standsAlone(t)
	h.first()
	h.Sample()
	local := h.joins("local@toprent.example", map[string]access.Role{"development": access.Admin, "staging": access.Viewer})
	id := h.account("local@toprent.example").ID
	for _, path := range []string{"/people", "/people/invite", "/people/accounts/" + id, "/people/tokens"} {
		local.Gets("/settings" + path).Is(http.StatusForbidden)
	}
	local.Posts("/people/accounts/"+id, "role", "admin", "base", "1").Is(http.StatusForbidden)
	local.Posts("/people/invite", "email", "friend@evil.example", "role", "admin").Is(http.StatusForbidden)

	editor := h.joins("editor@toprent.example", everywhere(access.Editor))
	for _, ask := range []struct {
		who               *settingstest.Browser
		role, environment string
	}{{editor, "admin", "*"}, {editor, "approver", "development"}, {local, "admin", "*"}, {local, "viewer", "*"}, {local, "editor", "staging"}, {local, "viewer", "production"}, {editor, "root", "*"}, {editor, "editor", "nowhere"}} {
		p := ask.who.Posts("/me/tokens/new", "name", "robot", "role", ask.role, "environment", ask.environment, "expires", time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
		if p.Status != http.StatusUnprocessableEntity || strings.Contains(p.Body, "tfl_") {
			t.Errorf("%s in %s: %d", ask.role, ask.environment, p.Status)
		}
	}
	for _, expires := range []string{"", "2020-01-01", time.Now().AddDate(1, 0, 9).Format(time.DateOnly), "never"} {
		editor.Posts("/me/tokens/new", "name", "robot", "role", "viewer", "environment", "*", "expires", expires).Is(http.StatusUnprocessableEntity)
	}
	h.joins("viewer@toprent.example", everywhere(access.Viewer)).Gets("/settings/me/tokens/new").Is(http.StatusForbidden)
}

func TestATokenOpensNothingBeyondItsScope(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	h.Sample()
	eve := h.joins("eve@toprent.example", everywhere(access.Editor))
	staging, all := token(t, eve, "viewer", "staging"), token(t, eve, "editor", "*")

	wants := func(secret, method, path string, want int) {
		t.Helper()
		body := ""
		if method == "POST" {
			body = `{"reason": "x"}`
		}
		status, answer := h.asks(secret, method, path, body)
		if status != want || status != 200 && (answer["error"] == "" || answer["do"] == "") {
			t.Errorf("%s %s: %d, want %d: %v", method, path, status, want, answer)
		}
	}
	wants(staging, "GET", "/environments/staging/flags", 200)
	wants(staging, "GET", "/environments/production/flags", 403)
	wants(staging, "POST", "/environments/staging/flags/winter-look/disable", 403)
	wants(all, "POST", "/environments/production/flags/winter-look/kill", 403)
	wants(all, "POST", "/environments/production/flags/winter-look/disable", 200)
	for _, secret := range []string{"", "tfl_", "tfl_" + strings.Repeat("A", 43), staging + "x", strings.ToUpper(staging), strings.TrimPrefix(staging, "tfl_")} {
		wants(secret, "GET", "/environments/staging/flags", 401)
	}
	// A cookie is nothing to the API, a token nothing to pages, and an address no place for one.
	p := ada.Gets("/settings/api/me").Is(http.StatusUnauthorized)
	if p.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 does not say what it takes")
	}
	stranger := h.As("")
	stranger.Header.Set("Authorization", "Bearer "+all)
	for _, path := range []string{"/me", "/people", "/me/tokens/new"} {
		stranger.Gets("/settings" + path).Is(http.StatusSeeOther)
	}
	h.As("").Gets("/settings/api/me?access_token=" + all).Is(http.StatusUnauthorized)

	// With its creator's role the token's shrinks.
	account := h.account("eve@toprent.example")
	if err := h.accounts.SetRoles(t.Context(), account.ID, map[string]access.Role{"staging": access.Viewer}, account.Version); err != nil {
		t.Fatal(err)
	}
	wants(all, "GET", "/environments/staging/flags", 200)
	wants(all, "POST", "/environments/staging/flags/winter-look/disable", 403)
	wants(all, "GET", "/environments/production/flags", 403)

	// Revoked by an admin, or its creator disabled, or past its day.
	page := ada.Opens("/people/tokens")
	action, _ := page.Find("tbody form").First().Attr("action")
	ada.Submits(page, action).Sees("is revoked")
	revoked := 0
	for _, secret := range []string{staging, all} {
		if status, _ := h.asks(secret, "GET", "/me", ""); status == 401 {
			revoked++
		}
	}
	if revoked != 1 {
		t.Errorf("%d tokens are revoked", revoked)
	}
	mine := token(t, ada, "viewer", "*")
	account = h.account("eve@toprent.example")
	if err := h.accounts.SetDisabled(t.Context(), account.ID, true, account.Version); err != nil {
		t.Fatal(err)
	}
	wants(staging, "GET", "/me", 401)
	wants(all, "GET", "/me", 401)
	wants(mine, "GET", "/me", 200)
	h.clock.passes(100 * 24 * time.Hour)
	wants(mine, "GET", "/me", 401)
}

func TestNobodyRevokesTheTokenOrEndsTheSessionOfSomebodyElse(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	secret := token(t, ada, "viewer", "*")
	eve := h.joins("eve@toprent.example", everywhere(access.Editor))
	action, _ := ada.Opens("/me").Find("#tokens tbody form").First().Attr("action")
	eve.Posts(strings.TrimPrefix(action, "/settings")).Is(http.StatusNotFound)
	if status, _ := h.asks(secret, "GET", "/me", ""); status != 200 {
		t.Errorf("somebody else's token: %d", status)
	}
	sessions, err := h.accounts.Sessions(t.Context(), h.account("ada@toprent.example").ID, "")
	if err != nil || len(sessions) != 1 {
		t.Fatal(err, sessions)
	}
	eve.Posts("/me/sessions/" + sessions[0].Handle + "/end").Is(http.StatusNotFound)
	// The session of one account at the address of another.
	ada.Posts("/people/accounts/" + h.account("eve@toprent.example").ID + "/sessions/" + sessions[0].Handle + "/end").Is(http.StatusNotFound)
	ada.Opens("/me")
}

func TestAViewerPostsEveryFormInVain(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	viewer := h.joins("viewer@toprent.example", everywhere(access.Viewer))
	target, own := h.account("ada@toprent.example"), h.account("viewer@toprent.example")
	sessions, err := h.accounts.Sessions(t.Context(), target.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for route := range h.Settings.Needs() {
		path, ok := strings.CutPrefix(route, "POST /settings")
		if !ok || !strings.HasPrefix(path, "/people") && !strings.HasPrefix(path, "/me/tokens") {
			continue
		}
		for _, id := range []string{target.ID, own.ID} {
			tried++
			at := strings.NewReplacer(":id", id, ":session", sessions[0].Handle).Replace(path)
			p := viewer.Posts(at, "role", "admin", "base", "1", "email", "a@b.example", "name", "x", "environment", "*", "expires", "2027-01-01")
			if p.Status != http.StatusForbidden && p.Status != http.StatusNotFound {
				t.Errorf("POST %s: %d", at, p.Status)
			}
		}
	}
	if tried < 14 {
		t.Errorf("only %d forms were tried", tried)
	}
	if after := h.account("viewer@toprent.example"); after.Roles[access.Everywhere] != access.Viewer || len(after.Roles) != 1 {
		t.Errorf("%+v", after)
	}
	ada.Opens("/me")
}

func TestAOneTimeLinkWorksOnce(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		one, err := h.accounts.FirstLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		two, err := h.accounts.FirstLink(t.Context()) // as another start prints it
		if err != nil {
			t.Fatal(err)
		}
		use := func(kind access.LinkKind, secrets ...string) (won int) {
			results := make(chan error, 6)
			for i := range cap(results) {
				go func() {
					_, err := h.accounts.Use(t.Context(), kind, secrets[i%len(secrets)], fmt.Sprintf("person%d@toprent.example", i), "", good, access.Client{})
					results <- err
				}()
			}
			for range cap(results) {
				if err := <-results; err == nil {
					won++
				}
			}
			return won
		}
		if won := use(access.First, one, two); won != 1 {
			t.Errorf("%d of several made the first account", won)
		}
		all, err := h.accounts.All(t.Context())
		if err != nil || len(all) != 1 {
			t.Errorf("%d accounts, %v", len(all), err)
		}
		if secret, err := h.accounts.FirstLink(t.Context()); secret != "" || err != nil {
			t.Errorf("there is an account, and a link for the first: %v", err)
		}
		_, join, err := h.accounts.Invite(t.Context(), "eve@toprent.example", "", nil, "test")
		if err != nil {
			t.Fatal(err)
		}
		if won := use(access.Join, join); won != 1 {
			t.Errorf("%d used one invitation", won)
		}
		for _, path := range []string{"/first/" + one, "/first/" + two, "/join/" + join, "/reset/" + join, "/reset/x"} {
			p := h.As("").Gets("/settings" + path).Is(http.StatusGone)
			if got := p.Header.Get("Referrer-Policy"); got != "strict-origin" {
				t.Errorf("%s may be told to others: %s", path, got)
			}
		}
		// One that nobody used in time, one that another replaced, and one for another purpose.
		account := h.account("eve@toprent.example")
		_, old, err := h.accounts.NewLink(t.Context(), account.ID, "test")
		if err != nil {
			t.Fatal(err)
		}
		_, late, err := h.accounts.NewLink(t.Context(), account.ID, "test")
		if err != nil {
			t.Fatal(err)
		}
		h.As("").Gets("/settings/reset/" + old).Is(http.StatusGone)
		h.As("").Gets("/settings/first/" + late).Is(http.StatusGone)
		h.As("").Gets("/settings/reset/" + late).Is(http.StatusOK)
		h.clock.passes(25 * time.Hour)
		h.As("").Gets("/settings/reset/" + late).Is(http.StatusGone)
	})
}
