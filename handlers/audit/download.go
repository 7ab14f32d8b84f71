package audit

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
)

// download sends entries with the page's filters as a file, as they are read: however many there are.
func download(extension, kind string, export func(*audit.Log, context.Context, models.AuditFilter, io.Writer) error) shell.Handler {
	return func(c *shell.Context) error {
		_, filter := read(c)
		filter.Before = 0
		first, cancel := c.Ctx()
		defer cancel()
		if _, err := c.App.Audit.Entries(first, filter, 1); err != nil { // while it can still be said
			return err
		}
		c.Header("Content-Type", kind)
		c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="audit-%s.%s"`, filter.Chain, extension))
		out := bufio.NewWriterSize(c.Writer, 64<<10)
		err := export(c.App.Audit, c.Request.Context(), filter, out)
		if err == nil {
			err = out.Flush()
		}
		return err
	}
}
