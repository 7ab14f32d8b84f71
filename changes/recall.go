package changes

import (
	"context"
	"strings"

	"github.com/toprent/flags/models"
)

// Recall makes what is published apply now: sessions that have pinned an older revision move up on their next page,
// instead of when their pin expires. It is a revision of its own, in which nothing is different. Author and reason are
// required. It returns service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) Recall(ctx context.Context, environment, author, reason string) (published Published, err error) {
	if err := checkNames(author, reason); err != nil {
		return Published{}, err
	}
	if strings.TrimSpace(reason) == "" {
		return Published{}, errReason
	}
	err = c.write(ctx, kindRecall, func(tx *models.Tx) error {
		locked, err := tx.Lock(ctx, environment)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		d := newDraft(locked, models.Rows{}, &about{}, author, now)
		revision, err := d.revision(ctx, tx, kindRecall, reason)
		if err != nil {
			return err
		}
		if err := tx.AddRevision(ctx, revision); err != nil {
			return err
		}
		if err := tx.SetHead(ctx, revision); err != nil {
			return err
		}
		published = Published{ID: revision.ID(), New: true, Changes: []string{"sessions pinned below this revision move up on their next page"}}
		return tx.SetFloor(ctx, environment, revision.Number)
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}
