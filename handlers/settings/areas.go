package settings

import (
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/status"
)

// areas are the parts of the pages, each a package of its own.
func areas() []func(*shell.App) {
	return []func(*shell.App){
		status.Register,
	}
}
