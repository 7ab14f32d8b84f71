package flag

import (
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/codescan"
	"github.com/toprent/flags/internal/review"
	"github.com/toprent/flags/models"
)

// codeShown is how many lines of code a flag's page names.
const codeShown = 200

// inCode is where one branch of one repository uses the flag.
type inCode struct {
	models.CodeUpload
	Lines []codeLine
}

// codeLine is one place at which code asks for the flag.
type codeLine struct {
	Path, Language, URL string // without a URL the repository says no address
	Line                int64
}

// reviewOf is what the review of flags says about one of them.
type reviewOf struct {
	*review.Item
	Code   []inCode
	More   int64 // lines of code that are not named
	InCode time.Time
}

// readReview tells why the flag wants a review, and what code uses it.
func readReview(c *shell.Context, page shell.Page, key string) (reviewOf, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	queue, err := c.App.Reviews.Queue(ctx, page.EnvironmentNames())
	if err != nil {
		return reviewOf{}, err
	}
	lines, total, err := c.App.Store.CodeReferencesOf(ctx, key, codeShown)
	if err != nil {
		return reviewOf{}, err
	}
	uploads, err := c.App.Store.CodeUploads(ctx)
	if err != nil {
		return reviewOf{}, err
	}
	out := reviewOf{Item: queue.ByKey[key], More: total - int64(len(lines))}
	if out.Item == nil { // made since
		out.Item = &review.Item{}
	}
	out.Scanned, out.InCode = len(uploads) > 0, out.Item.InCode
	for _, upload := range uploads {
		in := inCode{CodeUpload: upload}
		for _, line := range lines {
			if line.UploadID == upload.ID {
				in.Lines = append(in.Lines, codeLine{line.Path, line.Language, codescan.LinkOf(upload.Link, upload.CommitID, line.Path, int(line.Line)), line.Line})
			}
		}
		if len(in.Lines) > 0 {
			out.Code = append(out.Code, in)
		}
	}
	return out, nil
}
