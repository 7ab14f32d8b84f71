package people

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
)

// flowLasts is how long somebody may take to sign in elsewhere.
const flowLasts = 10 * time.Minute

// elsewhere sends the browser to the provider. What proves at the end that it is the same browser stays in a cookie.
func (p pages) elsewhere(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	flow := access.NewFlow()
	to, err := p.accounts.Provider().Start(ctx, flow)
	if err != nil {
		p.app.Log.Error("the sign-in provider cannot be reached", "error", err)
		return shell.Refused(http.StatusBadGateway, "Signing in there does not work just now", "The provider cannot be reached. Try again in a moment, or sign in with a password.")
	}
	next := url.QueryEscape(p.next(c.Query("next")))
	p.setCookie(c, flowCookie, strings.Join([]string{flow.State, flow.Nonce, flow.Verifier, next}, "."), flowLasts)
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// back is where the provider sends the browser.
func (p pages) back(c *shell.Context) error {
	c.Header("Referrer-Policy", "strict-origin") // the address holds the provider's code
	flow, next, ok := readFlow(p.cookie(c, flowCookie))
	p.dropCookie(c, flowCookie)
	if !ok || subtle.ConstantTimeCompare([]byte(flow.State), []byte(c.Query("state"))) != 1 {
		return shell.Refused(http.StatusForbidden, "This is not where you began to sign in", "Nobody was signed in. Begin again on the sign-in page.")
	}
	if c.Query("error") != "" || c.Query("code") == "" {
		return shell.Refused(http.StatusForbidden, "You were not signed in", "The provider did not let you in. Begin again, or ask an admin.")
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	who, err := p.accounts.Provider().Finish(ctx, flow, c.Query("code"))
	if err != nil {
		p.app.Log.Warn("somebody could not be signed in by the provider", "error", err)
		return shell.Refused(http.StatusForbidden, "You were not signed in", "What the provider said could not be trusted. Begin again; if it happens again, tell an admin.")
	}
	in, email, err := p.accounts.SignInWith(ctx, who, p.client(c))
	p.noteSignIn(c, email, err)
	switch {
	case errors.Is(err, access.ErrNoEmail):
		return shell.Refused(http.StatusForbidden, "Your e-mail address is missing", "The provider gives none that could be used here (email): ask whoever runs it to add the claim.")
	case errors.Is(err, access.ErrNotVouched):
		return shell.Refused(http.StatusForbidden, "It is not known whether your e-mail address is yours",
			"The provider does not say whether it is verified (email_verified): ask whoever runs it to add the claim, as true or false and not as a text. Or ask an admin here for an invitation, and choose a password instead.")
	case errors.Is(err, access.ErrUnverified):
		return shell.Refused(http.StatusForbidden, "Your e-mail address is not verified", "Verify it with the provider, then sign in again.")
	case errors.Is(err, access.ErrNotLinked):
		return shell.Refused(http.StatusForbidden, "This e-mail address has an account already", "Sign in with its password. An account is never taken over by its e-mail address alone.")
	case errors.Is(err, access.ErrDisabled):
		return shell.Refused(http.StatusForbidden, "This account is disabled", "An admin can enable it.")
	case err != nil:
		return err
	}
	p.enter(c, in)
	c.Redirect(http.StatusSeeOther, p.next(next))
	return nil
}

func readFlow(cookie string) (flow access.Flow, next string, ok bool) {
	parts := strings.SplitN(cookie, ".", 4)
	if len(parts) != 4 || parts[0] == "" {
		return access.Flow{}, "", false
	}
	next, err := url.QueryUnescape(parts[3])
	return access.Flow{State: parts[0], Nonce: parts[1], Verifier: parts[2]}, next, err == nil
}
