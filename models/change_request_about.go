package models

import (
	"context"
	"fmt"
	"strings"
)

// RequestsAbout returns requests of an environment that wait for somebody or for their time and name the flag, newest
// first: at most limit of them. It is meant for telling people, not for deciding: a request whose texts say the key as
// JSON would is found too.
func (r reader) RequestsAbout(ctx context.Context, environment, flag string, limit int) ([]ChangeRequest, error) {
	var rows []ChangeRequest
	named := strings.NewReplacer(`!`, `!!`, `%`, `!%`, `_`, `!_`).Replace(flag)
	err := r.with(ctx).Where("environment = ? AND status IN ?", environment, []string{"review", "approved", "scheduled"}).
		Where("EXISTS (SELECT 1 FROM change_request_steps s WHERE s.request_id = change_requests.id AND s.status = 'waiting' AND s.edits LIKE ? ESCAPE '!')", `%:"`+named+`"%`).
		Order("id DESC").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the change requests about a flag: %w", err)
	}
	return rows, nil
}
