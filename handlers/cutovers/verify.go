package cutovers

import (
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
)

// Verifiable reports whether all rows were compared, so that they can be compared again.
func (p *onePage) Verifiable() bool {
	return p.Progress != nil && p.Progress.State == models.CutoverDone
}

// verify asks for another verification.
func (b *board) verify(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.open(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	err = c.App.Changes.VerifyAgain(ctx, p.In.Name, p.Flag.Key, c.Actor(), form.Get("reason"))
	if done, err := p.refused(c, err); done || err != nil {
		return err
	}
	said := "All rows of both databases are compared again. What differs is copied from the one whose answer counts."
	if p.Limits.Paused {
		said = "All rows of both databases will be compared again once you go on with the copying, which is paused."
	}
	return c.Done(said, "migrations", p.In.Name, p.Flag.Key)
}
