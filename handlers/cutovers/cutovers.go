// Package cutovers is the board of migrations: how far each entity is on its way from one database to the other, in each
// environment and for which tenants, what stands against its next step, and the steps themselves. A step is a change like
// any other: it is looked at before it is made, and asked for where changes have to be approved. Nothing here decides
// whether a step is safe; package changes does, and says why not.
package cutovers

import (
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
)

// Register adds the board to the pages.
func Register(a *shell.App) {
	b := &board{}
	viewer, editor, approver := shell.InEnvironment(access.Viewer), shell.InEnvironment(access.Editor), shell.InEnvironment(access.Approver)
	a.GET("/migrations/:env", viewer, b.list)
	a.GET("/migrations/:env/:key", viewer, b.show)
	a.POST("/migrations/:env/:key/step", editor, b.step)
	a.GET("/migrations/:env/:key/move", editor, b.offerMove)
	a.POST("/migrations/:env/:key/move", editor, b.move)
	a.POST("/migrations/:env/:key/copying", editor, b.setCopying)
	a.POST("/migrations/:env/:key/verify", editor, b.verify)
	a.POST("/migrations/:env/:key/limits", editor, b.setLimits)
	a.GET("/migrations/:env/:key/force", approver, b.offerForce)
	a.POST("/migrations/:env/:key/force", approver, b.force)
	a.POST("/migrations/:env/:key/gone", approver, b.setGone)
}

// board is what the requests share.
type board struct{ counts counts }
