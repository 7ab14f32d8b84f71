package changes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// TenantPlanEdit puts a tenant on a plan. That is the subject's data: it concerns every environment, makes no revision,
// and applies on the tenant's next page.
type TenantPlanEdit struct {
	Tenant string
	Plan   string // empty: none
	Author string // required
	Base   int64  // the id of the tenant's plan that the edit was made against; 0: it never had one
}

// SetTenantPlan makes the edit, and says which plan the tenant was on before. It returns a ConflictError, a
// RefusedError (no environment has such a plan) or ErrUnavailable.
func (c *Changes) SetTenantPlan(ctx context.Context, edit TenantPlanEdit) (before string, err error) {
	if err := checkNames(edit.Author, ""); err != nil {
		return "", err
	}
	if err := checkTenant(edit.Tenant); err != nil {
		return "", err
	}
	err = c.write(ctx, "set a tenant's plan", func(tx *models.Tx) error {
		all, err := tx.LockAll(ctx) // and with them the plans that there are, and everybody else who does this
		if err != nil {
			return err
		}
		present, err := newestPlan(ctx, tx, edit.Tenant)
		if err != nil {
			return err
		}
		if present.ID != edit.Base {
			return &ConflictError{Conflicts: []Conflict{{Item: Item{Kind: ItemTenant, Key: edit.Tenant}, Base: edit.Base, Version: present.ID, Theirs: present}}}
		}
		before = present.Plan
		if present.Plan == edit.Plan {
			return nil
		}
		if err := planExists(ctx, tx, all, edit.Plan); err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if err := tx.AddTenantPlan(ctx, models.TenantPlan{OrgID: edit.Tenant, Plan: edit.Plan, ChangedAt: models.At(now), ChangedBy: edit.Author}); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "tenant-plan", Actor: edit.Author, Items: []audit.Item{{Kind: string(ItemTenant), Key: edit.Tenant,
			Before: map[string]any{"plan": present.Plan}, After: map[string]any{"plan": edit.Plan}}}})
	})
	return before, err
}

func newestPlan(ctx context.Context, tx *models.Tx, tenant string) (models.TenantPlan, error) {
	rows, err := tx.TenantPlans(ctx, tenant, 1)
	if err != nil || len(rows) == 0 {
		return models.TenantPlan{}, err
	}
	return rows[0], nil
}

// planExists refuses a plan that no environment has: with it, the tenant would have nothing anywhere.
func planExists(ctx context.Context, tx *models.Tx, environments []models.Environment, plan string) error {
	if plan == "" {
		return nil
	}
	for _, environment := range environments {
		rows, err := tx.PlansAt(ctx, environment.Name, environment.Head)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rows, func(p models.Plan) bool { return p.Key == plan }) {
			return nil
		}
	}
	return refusedTenant("plan", fmt.Sprintf("no environment has a plan %q", plan))
}

// AddAddOn gives a tenant a feature beside its plan. One that it has already is left as it is. It returns a
// RefusedError if there is no such flag, or ErrUnavailable.
func (c *Changes) AddAddOn(ctx context.Context, tenant, feature, author string) error {
	if err := checkAddOn(tenant, feature, author); err != nil {
		return err
	}
	err := c.store.Write(ctx, func(tx *models.Tx) error {
		added, err := tx.AddAddOn(ctx, tenant, feature, author)
		if err != nil || !added {
			return err
		}
		return c.recordAddOn(ctx, tx, "add-on-added", tenant, feature, author)
	})
	return addOnDone("add an add-on", err, "there is no such flag")
}

// EndAddOn takes a feature beside its plan from a tenant. It returns a RefusedError if the tenant does not have it, or
// ErrUnavailable.
func (c *Changes) EndAddOn(ctx context.Context, tenant, feature, author string) error {
	if err := checkAddOn(tenant, feature, author); err != nil {
		return err
	}
	err := c.store.Write(ctx, func(tx *models.Tx) error {
		if err := tx.EndAddOn(ctx, tenant, feature, author); err != nil {
			return err
		}
		return c.recordAddOn(ctx, tx, "add-on-ended", tenant, feature, author)
	})
	return addOnDone("end an add-on", err, "the tenant does not have this add-on, or not any more")
}

// recordAddOn tells the audit of an add-on that a tenant got or lost.
func (c *Changes) recordAddOn(ctx context.Context, tx *models.Tx, action, tenant, feature, author string) error {
	item := audit.Item{Kind: string(ItemTenant), Key: tenant}
	if has := any(map[string]any{"add-on": feature}); action == "add-on-added" {
		item.After = has
	} else {
		item.Before = has
	}
	return c.record(ctx, tx, audit.Entry{Action: action, Actor: author, Topics: []string{audit.Topic("flag", feature)}, Items: []audit.Item{item}})
}

func checkAddOn(tenant, feature, author string) error {
	if err := checkNames(author, ""); err != nil {
		return err
	}
	if message := unstorable(feature); message != "" {
		return refusedTenant("feature", message)
	}
	return checkTenant(tenant)
}

func addOnDone(doing string, err error, absent string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, models.ErrNotFound):
		return refusedTenant("feature", absent)
	case models.Unavailable(err):
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func checkTenant(tenant string) error {
	switch message := unstorable(tenant); {
	case message != "":
		return refusedTenant("tenant", message)
	case tenant == "":
		return refusedTenant("tenant", "the tenant's id is required")
	case len(tenant) > ruleset.MaxID:
		return refusedTenant("tenant", "the id is too long: at most 256 bytes are allowed")
	}
	return nil
}

func refusedTenant(path, message string) error {
	return &RefusedError{Problems: []Problem{{Problem: ruleset.Problem{Path: path, Message: message}}}}
}
