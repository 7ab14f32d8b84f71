package changes

import "context"

// Recall makes what is published apply now: sessions that have pinned an older revision move up on their next page,
// instead of when their pin expires. It is a revision of its own, in which nothing is different. Author and reason are
// required. It returns service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) Recall(ctx context.Context, environment, author, reason string) (published Published, err error) {
	if err := checkNamesAndReason(author, reason); err != nil {
		return Published{}, err
	}
	return c.Publish(ctx, Change{Environment: environment, Author: author, Reason: reason, Edits: []Edit{Recall{}}})
}

// recalled says what a recall does.
const recalled = "sessions pinned below this revision move up on their next page"
