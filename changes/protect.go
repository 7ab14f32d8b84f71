package changes

import (
	"fmt"

	"github.com/toprent/flags/models"
)

// ProtectedError says that the environment takes changes only as change requests, so that nothing was changed.
type ProtectedError struct {
	Environment models.Environment
}

func (e *ProtectedError) Error() string {
	return fmt.Sprintf("%s is protected: a change takes %s, so send it for review as a change request; nothing was changed",
		e.Environment.Name, Approvals(e.Environment.Approvals))
}

// Approvals says how many approvals something takes.
func Approvals(n int) string {
	if n == 1 {
		return "one approval"
	}
	return fmt.Sprintf("%d approvals", n)
}

// allowed refuses what has to be approved and was not. This is the one gate: everything that makes a revision comes
// through it. A kill never waits, nor does stepping back. An environment in which nothing was ever published may be filled by one import or copy.
func (d *draft) allowed(kind string) error {
	fills := d.environment.Head == 0 && (kind == kindImport || kind == kindCopy)
	if d.approved || !d.environment.TakesRequests() || kind == kindKill || kind == kindStepBack || fills {
		return nil
	}
	return &ProtectedError{d.environment}
}
