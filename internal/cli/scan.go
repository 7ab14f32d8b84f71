package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/codescan"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/models"
)

type scan struct {
	Dir      string `arg:"" type:"existingdir" help:"The folder whose code is scanned: Go, HTML templates, TypeScript and JavaScript."`
	Flags    string `placeholder:"FILE" help:"Compare with an exported flags file instead of the database."`
	JSON     bool   `name:"json" help:"Print JSON."`
	Strict   bool   `help:"Fail on flags without a use, too."`
	NoTests  bool   `name:"no-tests" help:"Leave out tests, which may have flags of their own."`
	Testdata bool   `help:"Scan folders named testdata, too."`

	Upload     string `placeholder:"URL" help:"Send what was found to the settings pages at this address, with the API token in FLAGS_TOKEN."`
	Repository string `help:"Name of the repository, for --upload."`
	Branch     string `default:"main" help:"Name of the branch, for --upload (default: ${default})."`
	Commit     string `help:"Id of the commit, for --upload."`
	Link       string `placeholder:"PATTERN" help:"Where a use is to be seen, for --upload: https://code.example.com/shop/blob/{commit}/{path}#L{line}."`
}

// Validate finds what cannot work before anything is read.
func (cmd scan) Validate() error {
	if cmd.Upload == "" {
		return nil
	}
	if os.Getenv("FLAGS_TOKEN") == "" {
		return errors.New("--upload needs an API token in FLAGS_TOKEN")
	}
	if err := checkUpload(cmd.Upload); err != nil {
		return err
	}
	return cmd.report(codescan.Result{}).Check()
}

// checkUpload refuses addresses to which the token would go for all to read.
func checkUpload(to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("--upload takes the address of the settings pages, such as https://www.toprent.example/settings")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("--upload takes https alone, so that nobody reads the token on its way")
	}
	return nil
}

// scanned is what --json prints.
type scanned struct {
	codescan.Result
	codescan.Comparison
	Deprecated []codescan.Use `json:"deprecated"` // uses of flags that are deprecated
}

// Run scans, compares with the flags that there are, and fails if a use is without a flag.
func (cmd scan) Run(ctx context.Context, settings *Settings, s streams) error {
	root, err := os.OpenRoot(cmd.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	found, err := codescan.Scan(ctx, root.FS(), codescan.Options{Testdata: cmd.Testdata, NoTests: cmd.NoTests})
	if err != nil {
		return err
	}
	flags, err := cmd.flags(ctx, settings)
	if err != nil {
		return err
	}
	out := scanned{Result: found, Comparison: codescan.Compare(found.Uses, keysOf(flags)), Deprecated: deprecated(found.Uses, flags)}
	if err := cmd.print(s.out, out); err != nil {
		return err
	}
	if cmd.Upload != "" {
		if err := cmd.upload(ctx, found); err != nil {
			return err
		}
		fmt.Fprintf(s.err, "Sent %d uses to %s.\n", len(found.Uses), cmd.Upload)
	}
	return cmd.verdict(out.Comparison)
}

func (cmd scan) verdict(c codescan.Comparison) error {
	switch {
	case len(c.Unknown) > 0:
		return fmt.Errorf("%d uses are of no flag", len(c.Unknown))
	case cmd.Strict && len(c.Unused) > 0:
		return fmt.Errorf("%d flags have no use", len(c.Unused))
	}
	return nil
}

// flags are those that are not archived everywhere, of the file or of the database. States are by key.
func (cmd scan) flags(ctx context.Context, settings *Settings) (flags map[string]string, err error) {
	if cmd.Flags != "" {
		data, err := readFile(cmd.Flags)
		if err != nil {
			return nil, err
		}
		file, err := flagfile.Read(cmd.Flags, data)
		if err != nil {
			return nil, err
		}
		return statesOf(file.Document), nil
	}
	err = settings.use(ctx, func(store *models.Store) error {
		doc, err := changes.New(store).Export(ctx)
		flags = statesOf(doc)
		return err
	})
	return flags, err
}

// statesOf are the lifecycle states of the flags that are served somewhere, or are in no environment yet.
func statesOf(doc changes.Document) map[string]string {
	there, served := map[string]bool{}, map[string]bool{}
	for _, environment := range doc.Environments {
		for _, flag := range environment.Definition.Flags {
			there[flag.Key] = true
			served[flag.Key] = served[flag.Key] || !flag.Archived
		}
	}
	states := map[string]string{}
	for _, flag := range doc.Flags {
		if served[flag.Key] || !there[flag.Key] {
			states[flag.Key] = flag.Lifecycle
		}
	}
	return states
}

func keysOf(flags map[string]string) (keys []string) {
	for key := range flags {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func deprecated(uses []codescan.Use, flags map[string]string) []codescan.Use {
	out := []codescan.Use{}
	for _, u := range uses {
		if flags[u.Key] == models.LifecycleDeprecated {
			out = append(out, u)
		}
	}
	return out
}

func (cmd scan) print(out io.Writer, s scanned) error {
	if cmd.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	}
	for _, u := range s.Uses {
		fmt.Fprintf(out, "%s:%d: %s %q\n", u.Path, u.Line, u.Call, u.Key)
	}
	for _, u := range s.Dynamic {
		fmt.Fprintf(out, "%s:%d: %s is dynamic: its key is put together as the code runs\n", u.Path, u.Line, u.Call)
	}
	for _, u := range s.Deprecated {
		fmt.Fprintf(out, "%s:%d: warning: flag %q is deprecated\n", u.Path, u.Line, u.Key)
	}
	for _, u := range s.Unread {
		fmt.Fprintf(out, "%s: warning: not read, or not all of it: %s\n", u.Path, u.Why)
	}
	for _, u := range s.Unknown {
		fmt.Fprintf(out, "%s:%d: error: there is no flag %q", u.Path, u.Line, u.Key)
		if u.Nearest != "" {
			fmt.Fprintf(out, "; did you mean %q?", u.Nearest)
		}
		fmt.Fprintln(out)
	}
	for _, key := range s.Unused {
		fmt.Fprintf(out, "no use of flag %q\n", key)
	}
	_, err := fmt.Fprintf(out, "%d files, %d uses, %d of them dynamic, %d without a flag; %d flags without a use.\n",
		s.Files, len(s.Uses)+len(s.Dynamic), len(s.Dynamic), len(s.Unknown), len(s.Unused))
	return err
}

// report is what is uploaded. What could be no flag's key is left out.
func (cmd scan) report(found codescan.Result) codescan.Report {
	report := codescan.Report{Repository: cmd.Repository, Branch: cmd.Branch, Commit: cmd.Commit, Link: cmd.Link, Uses: []codescan.Use{}, Dynamic: len(found.Dynamic)}
	for _, u := range found.Uses {
		if codescan.Keepable(u) {
			report.Uses = append(report.Uses, u)
		}
	}
	return report
}

// uploadTimeout is how long the pages may take.
const uploadTimeout = 30 * time.Second

// upload sends what was found. The token follows no redirect, and is in no message.
func (cmd scan) upload(ctx context.Context, found codescan.Result) error {
	body, err := json.Marshal(cmd.report(found))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, strings.TrimSuffix(cmd.Upload, "/")+"/api/references", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+os.Getenv("FLAGS_TOKEN"))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("send what was found: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	var problem struct{ Error, Do string }
	_ = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&problem)
	return fmt.Errorf("send what was found: the pages answer %s: %s. %s", response.Status, problem.Error, problem.Do)
}
