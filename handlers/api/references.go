package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/codescan"
	"github.com/toprent/flags/models"
)

// References says what came of an upload.
type References struct {
	Repository string   `json:"repository"`
	Branch     string   `json:"branch"`
	Uses       int      `json:"uses"`
	Unknown    []string `json:"unknown"` // keys that are used and are no flags
}

// putReferences keeps where code uses flags, in place of what was known of that repository and branch.
func putReferences(c *shell.Context) (any, error) {
	var report codescan.Report
	if err := c.Body(&report); err != nil {
		return nil, err
	}
	if err := report.Check(); err != nil {
		return nil, shell.Refused(http.StatusUnprocessableEntity, "This is not taken", err.Error())
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	flags, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return nil, err
	}
	out := References{Repository: report.Repository, Branch: report.Branch, Uses: len(report.Uses), Unknown: []string{}}
	rows := make([]models.CodeReference, len(report.Uses))
	for i, u := range report.Uses {
		rows[i] = models.CodeReference{Key: u.Key, Path: u.Path, Line: int64(u.Line), Language: u.Language}
		if _, known := flags.ByKey[u.Key]; !known {
			out.Unknown = append(out.Unknown, u.Key)
		}
	}
	slices.Sort(out.Unknown)
	out.Unknown = slices.Compact(out.Unknown)
	err = c.App.Store.ReplaceCode(ctx, models.CodeUpload{Repository: report.Repository, Branch: report.Branch, CommitID: report.Commit, Link: report.Link,
		Uses: int64(len(rows)), Dynamic: int64(report.Dynamic), UploadedBy: c.Person.Author()}, rows)
	if errors.Is(err, models.ErrTooManyUploads) {
		return nil, shell.Refused(http.StatusConflict, "There is no room for another branch", "Upload the main branch of each repository alone.")
	}
	return out, err
}
