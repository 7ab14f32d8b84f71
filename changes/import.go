package changes

import (
	"context"
	"errors"
	"fmt"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// ImportOptions say how to import.
type ImportOptions struct {
	Author string // required
	Reason string // defaults to "import"
	DryRun bool   // find all mistakes and say what would become different, but write nothing

	// Requests asks for what has to be approved: environments that take changes only as change requests get one, sent
	// for review. Without it, such an environment refuses the whole import with a ProtectedError.
	Requests bool
	AuthorID string // of the person, if it is known
}

// Imported says what came of an import.
type Imported struct {
	Flags        []string    // what became different in what environments share, in plain words, one line each
	Environments []Published // one for each environment of the document, in its order
	Requests     []Request   // what has to be approved
	asks         map[string]bool
}

// RequestFor is the request that was made for an environment; nil: none was.
func (i Imported) RequestFor(environment string) *Request {
	for n := range i.Requests {
		if i.Requests[n].Environment == environment {
			return &i.Requests[n]
		}
	}
	return nil
}

// Asks reports, after a dry run, whether the import would make a request for an environment.
func (i Imported) Asks(environment string) bool { return i.asks[environment] }

// Import puts what the document holds, in one transaction: all or none, and at most one revision for each
// environment. It removes nothing: what is not in the document stays. What is in it takes the place of the flag,
// segment, plan or override of the same name. Killed is taken only for a flag that the environment does not have yet;
// kind, type and salt of a flag that exists cannot change. Importing what Export gave changes nothing.
//
// It returns a RefusedError with every mistake of the whole document, or ErrUnavailable.
func (c *Changes) Import(ctx context.Context, doc Document, options ImportOptions) (imported Imported, err error) {
	if err := checkNames(options.Author, options.Reason); err != nil {
		return Imported{}, err
	}
	if options.Reason == "" {
		options.Reason = "import"
	}
	err = c.write(ctx, "import", func(tx *models.Tx) error {
		im := importing{changes: c, tx: tx, doc: doc, options: options}
		imported, err = im.run(ctx)
		return err
	})
	if err != nil {
		return Imported{}, err
	}
	return imported, nil
}

// importing is one import on its way.
type importing struct {
	changes *Changes
	tx      *models.Tx
	doc     Document
	options ImportOptions

	about    *about
	drafts   []*draft
	problems []Problem
}

func (im *importing) run(ctx context.Context) (Imported, error) {
	environments, err := im.tx.LockAll(ctx)
	if err != nil {
		return Imported{}, err
	}
	if im.about, err = readAbout(ctx, im.tx); err != nil {
		return Imported{}, err
	}
	im.putAbout()
	for _, doc := range im.doc.Environments {
		if err := im.putEnvironment(ctx, environments, doc); err != nil {
			return Imported{}, err
		}
	}
	if problems := im.mistakes(); len(problems) > 0 {
		return Imported{}, &RefusedError{Problems: problems}
	}
	return im.publish(ctx)
}

func (im *importing) putAbout() {
	seen := map[string]bool{}
	for _, flag := range im.doc.Flags {
		if seen[flag.Key] {
			im.problems = append(im.problems, Problem{Problem: ruleset.Problem{Flag: flag.Key, Message: "is in the file twice: remove one"}})
			continue
		}
		seen[flag.Key] = true
		im.about.put(flag, im.options.Author)
	}
}

func (im *importing) putEnvironment(ctx context.Context, environments []models.Environment, doc EnvironmentDocument) error {
	refuse := func(message string) {
		im.problems = append(im.problems, Problem{Environment: doc.Name, Problem: ruleset.Problem{Message: message}})
	}
	for _, d := range im.drafts {
		if d.environment.Name == doc.Name {
			refuse("is in the file twice: remove one")
			return nil
		}
	}
	for _, environment := range environments {
		if environment.Name != doc.Name {
			continue
		}
		d, err := im.changes.begin(ctx, im.tx, environment, im.about, im.options.Author)
		if err != nil {
			return err
		}
		d.authorID = im.options.AuthorID
		d.put(doc)
		if err := d.checkMigrations(ctx, im.tx, environment.Head == 0); err != nil {
			return err
		}
		im.drafts = append(im.drafts, d)
		return nil
	}
	refuse(fmt.Sprintf("there is no such environment; there are %s", environmentNames(environments)))
	return nil
}

func environmentNames(environments []models.Environment) string {
	all := make([]string, len(environments))
	for i, environment := range environments {
		all[i] = environment.Name
	}
	return names(all)
}

// put puts all that the document holds for the environment.
func (d *draft) put(doc EnvironmentDocument) {
	d.places = make(map[overrideKey]int, len(doc.Definition.Overrides))
	for i, override := range doc.Definition.Overrides {
		d.places[keyOf(override)] = i + 1
	}
	if doc.PlansGiven {
		once(d, doc.Definition.Plans, func(p ruleset.Plan) string { return p.Key },
			func(key string) ruleset.Problem { return ruleset.Problem{Plan: key} }, d.putPlan)
	}
	if doc.SegmentsGiven {
		once(d, doc.Definition.Segments, func(s ruleset.Segment) string { return s.Key },
			func(key string) ruleset.Problem { return ruleset.Problem{Segment: key} }, d.putSegment)
	}
	once(d, doc.Definition.Flags, func(f ruleset.Flag) string { return f.Key },
		func(key string) ruleset.Problem { return ruleset.Problem{Flag: key} }, d.importFlag)
	once(d, doc.Definition.Overrides, keyOf,
		func(key overrideKey) ruleset.Problem { return ruleset.Problem{Flag: key.flag, Override: d.places[key]} }, d.putOverride)
}

// importFlag sets a flag's settings. A known flag that the environment does not have, and for which the document says no
// more than that it is off, stays as it is: it is off already, and what Export leaves out must not come back.
func (d *draft) importFlag(flag ruleset.Flag) {
	_, has := d.flags.get(flag.Key)
	off := !flag.Enabled && !flag.Killed && len(flag.Rules) == 0 && len(flag.Prerequisites) == 0
	if _, known := d.about.flag(flag.Key); known && !d.about.added[flag.Key] && !has && off {
		return
	}
	d.putFlag(flag, flag.Killed)
}

// once puts each item, and refuses those that come a second time.
func once[T any, K comparable](d *draft, items []T, key func(T) K, at func(K) ruleset.Problem, put func(T)) {
	seen := map[K]bool{}
	for _, item := range items {
		k := key(item)
		if seen[k] {
			problem := at(k)
			problem.Message = "is in the file twice: remove one"
			d.refuse(problem)
			continue
		}
		seen[k] = true
		put(item)
	}
}

// mistakes are all mistakes of the whole document.
func (im *importing) mistakes() []Problem {
	problems := im.problems
	for _, problem := range im.about.problems {
		problems = append(problems, Problem{Problem: problem})
	}
	for _, d := range im.drafts {
		if !d.empty() {
			d.check()
		}
		problems = append(problems, d.problems...)
	}
	return problems
}

// publish stores everything; in a dry run it only says what it would store.
func (im *importing) publish(ctx context.Context) (Imported, error) {
	imported := Imported{Flags: im.about.lines, Environments: make([]Published, len(im.drafts))}
	if im.options.DryRun {
		imported.asks = map[string]bool{}
		for i, d := range im.drafts {
			imported.asks[d.environment.Name] = !d.empty() && d.allowed(kindImport) != nil
			imported.Environments[i] = Published{ID: d.environment.ID(), New: !d.empty(), Changes: d.describe()}
		}
		return imported, nil
	}
	if err := im.about.store(ctx, im.tx); err != nil {
		return Imported{}, err
	}
	if err := im.about.record(ctx, im.tx, im.changes.audit, im.options.Author, im.options.Reason); err != nil {
		return Imported{}, err
	}
	for i, d := range im.drafts {
		published, err := d.publish(ctx, im.tx, kindImport, im.options.Reason)
		var protected *ProtectedError
		if im.options.Requests && errors.As(err, &protected) {
			var request Request
			if request, err = im.request(ctx, d); err == nil {
				imported.Requests, published = append(imported.Requests, request), Published{ID: d.environment.ID()}
			}
		}
		if err != nil {
			return Imported{}, err
		}
		imported.Environments[i] = published
	}
	return imported, nil
}

// request asks for what the document changes in an environment.
func (im *importing) request(ctx context.Context, d *draft) (Request, error) {
	by := Actor{ID: im.options.AuthorID, Name: im.options.Author}
	content := Content{Title: "Import into " + d.environment.Title, Reason: im.options.Reason, Kind: kindImport, Steps: []Planned{{Edits: d.edits()}}}
	if err := checkContent(by, &content); err != nil {
		return Request{}, err
	}
	return im.changes.create(ctx, im.tx, d.environment, by, content, true)
}
