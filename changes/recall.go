package changes

import (
	"context"

	"github.com/toprent/flags/models"
)

// Recall makes what is published apply now: sessions that have pinned an older revision move up on their next page,
// instead of when their pin expires. It is a revision of its own, in which nothing is different. Author and reason are
// required. It returns service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) Recall(ctx context.Context, environment, author, reason string) (published Published, err error) {
	if err := checkNamesAndReason(author, reason); err != nil {
		return Published{}, err
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
		published, err = c.draft(locked, models.Rows{}, &about{}, author, now).store(ctx, tx, kindRecall, reason)
		if err != nil {
			return err
		}
		return tx.SetFloor(ctx, environment, published.Number)
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// recalled says what a recall does.
const recalled = "sessions pinned below this revision move up on their next page"
