package settings

import (
	"github.com/toprent/flags/handlers/alerts"
	"github.com/toprent/flags/handlers/internal/shell"
)

// areas are the parts of the pages, each a package of its own.
func areas() []func(*shell.App) {
	return []func(*shell.App){
		alerts.Register,
	}
}
