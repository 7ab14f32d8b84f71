// Package adoption are the pages about who uses what: every flag with the share of people and of tenants who have it on,
// and one flag by plan, by tenant and over time. What is so now is decided for everybody who is known; the past is what
// was counted of it once an hour.
package adoption

import (
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/adoption"
)

// pageSize is how many entries a page of a list has.
const pageSize = 50

// tenantsShown is how many tenants stand on a flag's page at once, behind its charts.
const tenantsShown = 20

// pages are the area's pages.
type pages struct{ counts adoption.Counts }

// Register adds the pages.
func Register(a *shell.App) {
	p := &pages{}
	viewer := shell.InEnvironment(access.Viewer)
	a.GET("/adoption/:env", viewer, overview)
	a.GET("/adoption.csv/:env", viewer, overviewCSV)
	a.GET("/adoption/:env/:key", viewer, p.one)
	a.GET("/adoption.csv/:env/:key", viewer, p.oneCSV)
}
