// Package segments is where segments are listed, made, changed and removed: named conditions that many rules use. What
// uses a segment is always said beside it.
package segments

import (
	"net/http"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
)

// Register mounts the pages.
func Register(a *shell.App) {
	a.GET("/segments/:env", shell.InEnvironment(access.Viewer), list)
	a.GET("/new-segment/:env", shell.InEnvironment(access.Editor), showNew)
	a.POST("/new-segment/:env", shell.InEnvironment(access.Editor), create)
	a.GET("/segments/:env/:segment", shell.InEnvironment(access.Viewer), show)
	a.POST("/segments/:env/:segment", shell.InEnvironment(access.Editor), save)
	a.GET("/segments/:env/:segment/remove", shell.InEnvironment(access.Editor), askRemove)
	a.POST("/segments/:env/:segment/remove", shell.InEnvironment(access.Editor), remove)
}

// listPage are an environment's segments.
type listPage struct {
	shell.Page
	Segments []row
}

// row is one segment in the list.
type row struct {
	*catalog.Segment
	Words string
	Uses  []use
}

func list(c *shell.Context) error {
	p, err := c.Page("Segments", "segments")
	if err != nil {
		return err
	}
	environment, err := c.Environment()
	if err != nil {
		return err
	}
	uses := usesOf(environment)
	page := listPage{Page: p}
	for _, segment := range environment.Segments {
		page.Segments = append(page.Segments, row{segment, words.ConditionIn(segment.When, c.Zone()), uses[segment.Key]})
	}
	return c.Render(http.StatusOK, "segments/list", page)
}
