// Package people are the pages on who may do what: signing in, a person's own page, accounts with their roles, and API
// tokens. Where a host says who is asking, there are only the person's own page and the tokens.
package people

import (
	"errors"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register mounts the pages.
func Register(a *shell.App) {
	p := pages{a, a.Accounts, a.Tokens}
	a.GET("/me", shell.SignedIn(), p.me)
	a.GET("/me/tokens/new", shell.Anywhere(access.Editor), p.newToken)
	a.POST("/me/tokens/new", shell.Anywhere(access.Editor), p.makeToken)
	a.POST("/me/tokens/:id/revoke", shell.SignedIn(), p.revokeOwnToken)
	a.GET("/people/tokens", shell.Everywhere(access.Admin), p.allTokens)
	a.POST("/people/tokens/:id/revoke", shell.Everywhere(access.Admin), p.revokeToken)
	if a.Accounts == nil {
		a.GET("/people", shell.Everywhere(access.Admin), func(c *shell.Context) error { return c.Done("", "people", "tokens") })
		return
	}
	a.SignIn, a.SignOut = a.Link("sign-in"), a.Link("sign-out")
	a.GET("/sign-in", shell.Public(), p.signInPage)
	a.POST("/sign-in", shell.Public(), p.signIn)
	a.POST("/sign-out", shell.Public(), p.signOut)
	for _, kind := range []access.LinkKind{access.First, access.Join, access.Reset} {
		a.GET("/"+string(kind)+"/:secret", shell.Public(), p.linkPage(kind))
		a.POST("/"+string(kind)+"/:secret", shell.Public(), p.useLink(kind))
	}
	if a.Accounts.Provider() != nil {
		a.GET("/sign-in/elsewhere", shell.Public(), p.elsewhere)
		a.GET("/sign-in/back", shell.Public(), p.back)
	}
	a.POST("/me/password", shell.SignedIn(), p.changePassword)
	a.POST("/me/sessions/:session/end", shell.SignedIn(), p.endOwnSession)
	a.POST("/me/sessions/end", shell.SignedIn(), p.endOtherSessions)
	a.GET("/people", shell.Everywhere(access.Admin), p.list)
	a.GET("/people/invite", shell.Everywhere(access.Admin), p.invitePage)
	a.POST("/people/invite", shell.Everywhere(access.Admin), p.invite)
	a.GET("/people/accounts/:id", shell.Everywhere(access.Admin), p.account)
	a.POST("/people/accounts/:id", shell.Everywhere(access.Admin), p.setRoles)
	a.GET("/people/accounts/:id/disable", shell.Everywhere(access.Admin), p.disablePage)
	a.POST("/people/accounts/:id/disable", shell.Everywhere(access.Admin), p.setDisabled(true))
	a.POST("/people/accounts/:id/enable", shell.Everywhere(access.Admin), p.setDisabled(false))
	a.POST("/people/accounts/:id/link", shell.Everywhere(access.Admin), p.newLink)
	a.POST("/people/accounts/:id/sessions/:session/end", shell.Everywhere(access.Admin), p.endSession)
}

type pages struct {
	app      *shell.App
	accounts *access.Accounts
	tokens   *access.Tokens
}

// roleChoices are the roles that a form offers, up to the highest.
func roleChoices(highest access.Role) []views.Choice {
	words := map[access.Role]string{
		access.Viewer: "Viewer: looks at everything", access.Editor: "Editor: changes flags, segments and plans",
		access.Approver: "Approver: kills, lifts and recalls too", access.Admin: "Admin: manages everything",
	}
	var out []views.Choice
	for _, role := range access.Roles {
		if role <= highest {
			out = append(out, views.Choice{Value: role.String(), Label: words[role]})
		}
	}
	return out
}

// roleLine is a role in words: in which environment, and what may be done there.
type roleLine struct {
	Where, Role, May string
}

// rolesInWords says what somebody may do, everywhere first.
func rolesInWords(roles map[string]access.Role, environments []models.Environment) (lines []roleLine) {
	may := map[access.Role]string{
		access.Viewer: "look at everything", access.Editor: "change flags, segments, plans and overrides",
		access.Approver: "change flags, kill, lift and recall, and approve what others ask for",
		access.Admin:    "do everything, and manage environments, people, tokens and alerts",
	}
	add := func(where string, role access.Role) {
		if role > access.None {
			lines = append(lines, roleLine{where, role.String(), may[role]})
		}
	}
	add("Everywhere", roles[access.Everywhere])
	for _, environment := range environments {
		add(environment.Title, roles[environment.Name])
	}
	return lines
}

// notFound turns what access does not know into a page.
func notFound(err error) error {
	switch {
	case errors.Is(err, access.ErrNoAccount):
		return shell.NotFound("There is no such account. It may have been mistyped.")
	case errors.Is(err, access.ErrNoSession):
		return shell.NotFound("This session has ended already.")
	case errors.Is(err, access.ErrToken):
		return shell.NotFound("There is no such token, or it was revoked already.")
	}
	return err
}
