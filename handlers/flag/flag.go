// Package flag is the pages about one flag: creating it, its definition, its state in each environment, and how it is
// switched on, off, to a plan, or archived there. Rules, overrides and kills have pages of their own.
//
// Whatever these pages change goes through publish, and an edit is made against the version that its form was shown
// with: who was overtaken by somebody else is shown both versions.
package flag

import (
	"github.com/toprent/flags/handlers/internal/exact"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
)

// Register adds the pages.
func Register(a *shell.App) {
	p := &pages{}
	viewer, editor := shell.InEnvironment(access.Viewer), shell.InEnvironment(access.Editor)

	a.GET("/new-flag", shell.Anywhere(access.Editor), showNew)
	a.POST("/new-flag", shell.Anywhere(access.Editor), create)

	a.GET("/flags/:key", shell.Anywhere(access.Viewer), showDefinition)
	a.GET("/flags/:key/edit", shell.Anywhere(access.Editor), showEdit)
	a.POST("/flags/:key/edit", shell.Anywhere(access.Editor), edit)

	a.GET("/flags/:key/:env", viewer, p.showOverview)
	a.POST("/flags/:key/:env/add", editor, add)
	a.GET("/flags/:key/:env/enable", editor, showSwitch(enabling))
	a.POST("/flags/:key/:env/enable", editor, doSwitch(enabling))
	a.GET("/flags/:key/:env/disable", editor, showSwitch(disabling))
	a.POST("/flags/:key/:env/disable", editor, doSwitch(disabling))
	a.GET("/flags/:key/:env/archive", editor, showSwitch(archiving))
	a.POST("/flags/:key/:env/archive", editor, doSwitch(archiving))
	a.GET("/flags/:key/:env/unarchive", editor, showSwitch(unarchiving))
	a.POST("/flags/:key/:env/unarchive", editor, doSwitch(unarchiving))
	a.POST("/flags/:key/:env/tier", editor, p.setTier)
	a.GET("/flags/:key/:env/promote", shell.Anywhere(access.Editor), showPromote) // and in the target: see promotable
	a.POST("/flags/:key/:env/promote", shell.Anywhere(access.Editor), promote)
	a.GET("/flags/:key/:env/settings", editor, showSettings)
	a.POST("/flags/:key/:env/settings", editor, saveSettings)
}

// pages is what the requests share.
type pages struct{ counts exact.Counts }
