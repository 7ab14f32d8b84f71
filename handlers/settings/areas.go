package settings

import (
	"github.com/toprent/flags/handlers/adoption"
	"github.com/toprent/flags/handlers/alerts"
	"github.com/toprent/flags/handlers/api"
	"github.com/toprent/flags/handlers/audit"
	"github.com/toprent/flags/handlers/conversions"
	"github.com/toprent/flags/handlers/cutovers"
	"github.com/toprent/flags/handlers/environments"
	"github.com/toprent/flags/handlers/flag"
	"github.com/toprent/flags/handlers/flags"
	"github.com/toprent/flags/handlers/gates"
	"github.com/toprent/flags/handlers/history"
	"github.com/toprent/flags/handlers/inspect"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/kill"
	"github.com/toprent/flags/handlers/maintenance"
	"github.com/toprent/flags/handlers/metrics"
	"github.com/toprent/flags/handlers/people"
	"github.com/toprent/flags/handlers/plans"
	"github.com/toprent/flags/handlers/preview"
	"github.com/toprent/flags/handlers/recording"
	"github.com/toprent/flags/handlers/requests"
	"github.com/toprent/flags/handlers/review"
	"github.com/toprent/flags/handlers/rules"
	"github.com/toprent/flags/handlers/schedules"
	"github.com/toprent/flags/handlers/segments"
	"github.com/toprent/flags/handlers/status"
	"github.com/toprent/flags/handlers/subjects"
)

// areas are the parts of the pages, each a package of its own.
func areas() []func(*shell.App) {
	return []func(*shell.App){
		flags.Register,
		kill.Register,
		history.Register,
		flag.Register,
		cutovers.Register,
		preview.Register,
		review.Register,
		rules.Register,
		segments.Register,
		subjects.Register,
		adoption.Register,
		inspect.Register,
		plans.Register,
		environments.Register,
		maintenance.Register,
		requests.Register,
		schedules.Register,
		status.Register,
		conversions.Register,
		metrics.Register,
		gates.Register,
		recording.Register,
		people.Register,
		api.Register,
		alerts.Register,
		audit.Register,
	}
}
