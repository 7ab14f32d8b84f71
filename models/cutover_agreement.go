package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// CutoverAgreement is how an entity's comparisons went during some minutes, added up over all instances.
type CutoverAgreement struct {
	Environment string `gorm:"primaryKey"`
	Flag        string `gorm:"primaryKey"`
	Tenant      string `gorm:"primaryKey"` // empty: all; of one, only what the new side answered is counted
	At          int64  `gorm:"primaryKey"` // see CutoverTurn
	Compared    int64
	Different   int64
	Errors      int64 // of the new side, of one tenant alone
}

func (CutoverAgreement) TableName() string { return "cutover_agreement" }

// Bad is how many answers differed or failed.
func (a CutoverAgreement) Bad() int64 { return a.Different + a.Errors }

const (
	cutoverTurn = 10 // minutes that are counted together

	// CutoverLongest is the longest time over which agreement can be asked for.
	CutoverLongest = 14 * 24 * time.Hour

	// CutoverStepBackLongest is the longest over which a tenant is judged: a step back is about the present.
	CutoverStepBackLongest = 24 * time.Hour
)

// CutoverTurn is the minute, since 1970, with which the minutes begin that are counted together.
func CutoverTurn(at time.Time) int64 {
	minute := at.Unix() / 60
	return minute - minute%cutoverTurn
}

// since is the first turn of which some part lies within a time: so what is asked about is up to one turn longer.
func since(now time.Time, long time.Duration) int64 { return CutoverTurn(now.Add(-long)) }

// agreed adds to what was counted in this turn.
func (tx *Tx) agreed(ctx context.Context, now time.Time, counted []CutoverAgreement) error {
	if len(counted) == 0 {
		return nil
	}
	for i := range counted {
		counted[i].At = CutoverTurn(now)
	}
	slices.SortFunc(counted, func(a, b CutoverAgreement) int { // so that no two instances wait for each other in a circle
		return strings.Compare(a.Flag+"\x00"+a.Tenant, b.Flag+"\x00"+b.Tenant)
	})
	sum := func(column string) clause.Expr {
		return gorm.Expr("cutover_agreement." + column + " + excluded." + column)
	}
	return tx.with(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "environment"}, {Name: "flag"}, {Name: "tenant"}, {Name: "at"}},
		DoUpdates: clause.Assignments(map[string]any{"compared": sum("compared"), "different": sum("different"), "errors": sum("errors")}),
	}).CreateInBatches(&counted, batch).Error
}

// CutoverAgreed adds up the comparisons of entities over the time that the limits of each one name, by flag. Those of which
// nothing was compared are left out.
func (r reader) CutoverAgreed(ctx context.Context, environment string, limits []CutoverLimits, now time.Time) (map[string]CutoverAgreement, error) {
	flags := map[time.Duration][]string{} // mostly, there are few different times
	for _, l := range limits {
		flags[l.Window()] = append(flags[l.Window()], l.Flag)
	}
	all := map[string]CutoverAgreement{}
	for long, flags := range flags {
		for some := range slices.Chunk(flags, batch) {
			var rows []CutoverAgreement
			err := r.with(ctx).Model(&CutoverAgreement{}).Where("environment = ? AND flag IN ? AND tenant = '' AND at >= ?", environment, some, since(now, long)).
				Select("flag, min(at) AS at, CAST(sum(compared) AS bigint) AS compared, CAST(sum(different) AS bigint) AS different").Group("flag").Find(&rows).Error
			if err != nil {
				return nil, fmt.Errorf("read how often comparisons in %q agreed: %w", environment, err)
			}
			for _, row := range rows {
				row.Environment = environment
				all[row.Flag] = row
			}
		}
	}
	return all, nil
}

// CutoverTroubled returns what was counted lately for the tenants of an entity of whose answers some differed or failed, by
// tenant and time.
func (r reader) CutoverTroubled(ctx context.Context, environment, flag string, now time.Time, long time.Duration) ([]CutoverAgreement, error) {
	from := since(now, min(long, CutoverStepBackLongest))
	troubled := r.with(ctx).Model(&CutoverAgreement{}).Select("tenant").
		Where("environment = ? AND flag = ? AND tenant <> '' AND at >= ? AND different + errors > 0", environment, flag, from)
	var rows []CutoverAgreement
	err := r.with(ctx).Where("environment = ? AND flag = ? AND tenant IN (?) AND at >= ?", environment, flag, troubled, from).Order("tenant, at").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read how often comparisons of %q in %q agreed: %w", flag, environment, err)
	}
	return rows, nil
}

// ForgetCutoverAgreement removes what is older than anybody can ask about.
func (s *Store) ForgetCutoverAgreement(ctx context.Context) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return tx.with(ctx).Where("at < ? OR tenant <> '' AND at < ?", since(now, CutoverLongest), since(now, CutoverStepBackLongest)).Delete(&CutoverAgreement{}).Error
	})
	if err != nil {
		return fmt.Errorf("forget old comparisons: %w", err)
	}
	return nil
}
