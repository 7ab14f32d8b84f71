package changes

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// digest gives a revision's digest: SHA-256 over the JSON of the digest before it, of who published what, when and
// why, and of every item that becomes different. Chained as it is, a digest vouches for the whole history: two
// databases in which anything ever differed have no digest in common from there on.
func (d *draft) digest(revision models.Revision) ([]byte, error) {
	content, err := json.Marshal(struct {
		Previous    []byte     `json:"previous"`
		Environment string     `json:"environment"`
		Number      int64      `json:"number"`
		Kind        string     `json:"kind"`
		Author      string     `json:"author"`
		Reason      string     `json:"reason"`
		PublishedAt time.Time  `json:"published_at"`
		Changes     []digested `json:"changes"`
	}{d.environment.Digest, revision.Environment, revision.Number, revision.Kind, revision.Author, revision.Reason,
		revision.PublishedAt.UTC(), d.digested()})
	if err != nil {
		return nil, fmt.Errorf("digest of revision %d: %w", revision.Number, err)
	}
	sum := sha256.Sum256(content)
	return sum[:], nil
}

// digested is one item as a digest covers it.
type digested struct {
	Item    Item `json:"item"`
	Content any  `json:"content"` // null: removed
}

// digested are all items that become different, in an order that depends on nothing but them.
func (d *draft) digested() []digested {
	var all []digested
	for _, key := range d.flags.changed(strings.Compare) {
		all = append(all, digested{Item{Kind: ItemFlag, Key: key}, settings(d.flags.next[key])})
	}
	for _, key := range d.segments.changed(strings.Compare) {
		all = append(all, digested{Item{Kind: ItemSegment, Key: key}, content(d.segments.next[key], func(s models.Segment) any {
			return [...]string{s.Title, s.Condition}
		})})
	}
	for _, key := range d.plans.changed(strings.Compare) {
		all = append(all, digested{Item{Kind: ItemPlan, Key: key}, content(d.plans.next[key], func(p models.Plan) any { return p.Plan() })})
	}
	for _, key := range d.overrides.changed(compareOverrides) {
		all = append(all, digested{key.item(), content(d.overrides.next[key], func(o models.FeatureFlagOverride) any { return o.Override(key.flag) })})
	}
	return all
}

func settings(row *models.FeatureFlagEnvironment) any {
	return content(row, func(row models.FeatureFlagEnvironment) any { return row.FlagSettings })
}

func content[R any](row *R, of func(R) any) any {
	if row == nil {
		return nil
	}
	return of(*row)
}
