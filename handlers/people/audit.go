package people

import (
	"errors"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
)

// noteSignIn tells the audit of an attempt to sign in: with which address, and what came of it.
func (p pages) noteSignIn(c *shell.Context, email string, err error) {
	switch {
	case err == nil:
		c.Note(audit.Entry{Action: "sign-in", Actor: email})
	case errors.Is(err, access.ErrBusy), models.Unavailable(err): // nothing was tried
	default:
		c.Note(audit.Entry{Action: "sign-in-failed", Actor: email, Lines: []string{err.Error()}})
	}
}

// noteAccount tells the audit what somebody did about an account.
func noteAccount(c *shell.Context, action string, account access.Account, before, after any) {
	c.Note(audit.Entry{Action: action, Subjects: []string{account.Email, account.ID},
		Items: []audit.Item{{Kind: "account", Key: account.Email, Before: before, After: after}}})
}

// rolesOf are roles as the audit shows them: by environment, by name.
func rolesOf(roles map[string]access.Role) map[string]string {
	names := make(map[string]string, len(roles))
	for environment, role := range roles {
		if environment == access.Everywhere {
			environment = "everywhere"
		}
		names[environment] = role.String()
	}
	return names
}
