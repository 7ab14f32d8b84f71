package audit

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/internal/spreadsheet"
	"github.com/toprent/flags/models"
)

// ExportCSV writes the entries that the filter lets through, newest first, for spreadsheets: no cell is a formula.
func (l *Log) ExportCSV(ctx context.Context, filter models.AuditFilter, to io.Writer) error {
	w := csv.NewWriter(to)
	_ = w.Write([]string{"chain", "number", "at", "action", "who", "person id", "from", "address", "agent", "environment", "revision", "request", "about", "reason", "what", "items", "mac"})
	err := l.each(ctx, filter, func(s Stored) error {
		items, err := encode(s.Items)
		if err != nil {
			return err
		}
		line := []string{s.Chain, strconv.FormatInt(s.Number, 10), s.At.Format(time.RFC3339Nano), s.Action, s.Actor, s.ActorID, s.Source, s.Address, s.Agent,
			s.Environment, strconv.FormatInt(s.Revision, 10), s.Request, strings.Join(append(s.Topics, s.Subjects...), "; "), s.Reason, strings.Join(s.Lines, "; "), items, hex.EncodeToString(s.MAC)}
		for i := range line {
			line[i] = spreadsheet.Plain(line[i])
		}
		_ = w.Write(line) // what goes wrong is said by Flush
		return nil
	}, func() error { w.Flush(); return w.Error() })
	return err
}

// exported is an entry as JSON.
type exported struct {
	Chain       string    `json:"chain"`
	Number      int64     `json:"number"`
	At          time.Time `json:"at"`
	Action      string    `json:"action"`
	Actor       string    `json:"actor,omitempty"`
	ActorID     string    `json:"actor_id,omitempty"`
	Source      string    `json:"source,omitempty"`
	Token       string    `json:"token,omitempty"`
	Address     string    `json:"address,omitempty"`
	Agent       string    `json:"agent,omitempty"`
	Environment string    `json:"environment,omitempty"`
	Revision    int64     `json:"revision,omitempty"`
	Request     string    `json:"request,omitempty"`
	Topics      []string  `json:"topics,omitempty"`
	Subjects    []string  `json:"subjects,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Lines       []string  `json:"lines,omitempty"`
	Items       []Item    `json:"items,omitempty"`
	Previous    []byte    `json:"previous"`
	MAC         []byte    `json:"mac"`
}

// ExportJSON writes the entries that the filter lets through, newest first, one JSON object a line.
func (l *Log) ExportJSON(ctx context.Context, filter models.AuditFilter, to io.Writer) error {
	e := json.NewEncoder(to)
	return l.each(ctx, filter, func(s Stored) error {
		return e.Encode(exported{s.Chain, s.Number, s.At.Time, s.Action, s.Actor, s.ActorID, s.Source, s.Token, s.Address, s.Agent,
			s.Environment, s.Revision, s.Request, s.Topics, s.Subjects, s.Reason, s.Lines, s.Items, s.Previous, s.MAC})
	}, func() error { return nil })
}

// each gives all entries that the filter lets through, in pieces, so that very many need no more memory than few.
func (l *Log) each(ctx context.Context, filter models.AuditFilter, do func(Stored) error, flush func() error) error {
	for {
		entries, err := l.Entries(ctx, filter, step/2)
		if err != nil {
			return err
		}
		for _, s := range entries {
			if err := do(s); err != nil {
				return err
			}
			filter.Before = s.Number
		}
		if err := flush(); err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil
		}
	}
}
