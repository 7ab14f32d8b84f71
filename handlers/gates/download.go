package gates

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/spreadsheet"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// atOnce is how many entries are read at once for a file.
const atOnce = 2000

// most is how many entries a file has at most: as many as spreadsheets can show.
const most = 1_000_000

// download sends the entries with the page's filters as a file, as they are read: however many there are.
func download(c *shell.Context) error {
	in, err := c.Environment()
	if err != nil {
		return err
	}
	form, filter := read(c, in)
	if !form.OK() {
		return shell.Refused(http.StatusUnprocessableEntity, "This cannot be searched", "Write days such as 2027-03-31.")
	}
	filter.Before = nil
	first, cancel := c.Ctx()
	defer cancel()
	rows, err := c.App.Store.Accesses(first, filter, atOnce)
	if err != nil { // while it can still be said
		return err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="access-%s.csv"`, in.Name))
	out := bufio.NewWriterSize(c.Writer, 64<<10)
	next := func(before models.FeatureFlagEvent) ([]models.FeatureFlagEvent, error) {
		filter.Before = &models.AccessMark{At: before.At, ID: before.ID}
		return c.App.Store.Accesses(c.Request.Context(), filter, atOnce)
	}
	if err := write(out, rows, next); err != nil {
		return err
	}
	return out.Flush()
}

// write writes entries as long as there are more.
func write(to io.Writer, rows []models.FeatureFlagEvent, next func(models.FeatureFlagEvent) ([]models.FeatureFlagEvent, error)) error {
	w := csv.NewWriter(to)
	line := []string{"time", "outcome", "flag", "user", "visitor", "tenant", "plan", "variant", "reason", "revision", "where", "id"}
	_ = w.Write(line) // what goes wrong is said at the end
	for written := 0; len(rows) > 0 && written < most; {
		for _, e := range rows {
			line[0], line[1], line[2] = e.At.UTC().Format(time.RFC3339Nano), string(e.Kind), e.Flag
			for i, text := range []string{e.UserID, e.VisitorID, e.Tenant, e.Plan, e.Variant} {
				line[3+i] = spreadsheet.Plain(text)
			}
			line[8], line[9], line[10], line[11] = e.Reason, strconv.FormatInt(e.Revision, 10), spreadsheet.Plain(e.Place), e.ID
			_ = w.Write(line)
		}
		written += len(rows)
		if w.Flush(); w.Error() != nil {
			return fmt.Errorf("write who was let in: %w", w.Error())
		}
		if len(rows) < atOnce {
			return nil
		}
		var err error
		if rows, err = next(rows[len(rows)-1]); err != nil {
			return err
		}
		if written >= most && len(rows) > 0 {
			_ = w.Write([]string{"", "there are more than " + views.Thousands(most) + ": ask for fewer days"})
		}
	}
	w.Flush()
	return w.Error()
}
