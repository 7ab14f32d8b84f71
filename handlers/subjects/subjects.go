// Package subjects are the pages about who has what: who has a flag and why, overrides for single users and tenants, and
// everything that was seen of one of them. Ids of subjects may hold anything, so they stand in queries and form fields,
// never in paths.
package subjects

import (
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
)

// pageSize is how many entries a page of a list has.
const pageSize = 50

// pages are the area's pages.
type pages struct{ counts counts }

// Register adds the pages.
func Register(a *shell.App) {
	p := &pages{}
	viewer, editor := shell.InEnvironment(access.Viewer), shell.InEnvironment(access.Editor)

	a.GET("/flags/:key/:env/who", viewer, p.who)
	a.GET("/flags/:key/:env/who.csv", editor, p.whoCSV)

	a.GET("/flags/:key/:env/overrides", viewer, listOverrides)
	a.GET("/flags/:key/:env/overrides/one", editor, editOverride)
	a.POST("/flags/:key/:env/overrides/one", editor, saveOverride)
	a.POST("/flags/:key/:env/overrides/remove", editor, removeOverride)
	a.POST("/flags/:key/:env/overrides/expired", editor, removeExpired)
	a.GET("/flags/:key/:env/overrides/paste", editor, pasteOverrides)
	a.POST("/flags/:key/:env/overrides/paste", editor, savePasted)

	a.GET("/subjects/:env", viewer, listSeen)
	a.GET("/subjects/:env/one", viewer, showOne)
}
