package settings

import (
	"github.com/toprent/flags/handlers/api"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/people"
)

// areas are the parts of the pages, each a package of its own.
func areas() []func(*shell.App) {
	return []func(*shell.App){
		people.Register,
		api.Register,
	}
}
