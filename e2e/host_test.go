package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/pgtest"
)

// hostProgram is another Gin app, as the README integrates it.
const hostProgram = `package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func main() {
	ctx := context.Background()
	store, err := models.Open(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	flags, err := service.New(ctx, service.Config{Source: store, Environment: "production"})
	if err != nil {
		log.Fatal(err)
	}
	go flags.Run(ctx)
	who := func(c *gin.Context) (ruleset.Subject, error) {
		return ruleset.Subject{User: c.GetHeader("X-User"), Plan: c.GetHeader("X-Plan")}, nil
	}
	r := gin.New()
	r.Use(middleware.New(middleware.Config{Flags: flags, Sessions: middleware.NewCookieStore([]byte(os.Getenv("SESSION_KEY"))), Subject: who}))
	r.GET("/", func(c *gin.Context) {
		c.Data(200, "text/html", fmt.Appendf(nil, "<!doctype html><title>Host</title><table><tr data-key=reports><th><td>%v<td><td>-<tr data-key=advanced-reports data-visible><th><td>%v<td><td>-</table>",
			middleware.On(c, "reports"), middleware.On(c, "advanced-reports")))
	})
	r.GET("/advanced", middleware.Require("advanced-reports"), func(c *gin.Context) { c.String(200, "advanced") })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Toprent is at http://%s \n", listener.Addr())
	log.Fatal(r.RunListener(listener))
}
`

// hostTest is how such an app tests both branches of a flag.
const hostTest = `package main

import (
	"testing"

	"github.com/toprent/flags/flagtest"
)

func TestBothBranches(t *testing.T) {
	flagtest.With(t, "reports", true)
	flagtest.With(t, "reports", false)
}
`

// unwanted are modules that no host may have to download, with what they are.
var unwanted = map[string]string{
	"github.com/evanw/esbuild":      "the bundler",
	"modernc.org/":                  "SQLite",
	"github.com/pressly/goose":      "migrations",
	"github.com/chromedp/":          "the browser for tests",
	"go.opentelemetry.io/":          "tracing",
	"github.com/coreos/go-oidc":     "sign-in",
	"github.com/alecthomas/kong":    "the command line",
	"github.com/prometheus/":        "metrics",
	"google.golang.org/grpc":        "tracing's",
	"github.com/grpc-ecosystem/":    "tracing's",
	"github.com/open-feature/":      "OpenFeature",
	"github.com/andybalholm/":       "brotli",
	"github.com/google/pprof":       "profiles",
	"github.com/ncruces/":           "SQLite's",
	"github.com/remyoudompheng/":    "SQLite's",
	"github.com/sethvargo/":         "migrations'",
	"github.com/mfridman/":          "migrations'",
	"github.com/dustin/go-humanize": "SQLite's",
}

func TestAnotherGinAppIntegratesFlagsAndDownloadsLittle(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	host := newCommand(t, "SESSION_KEY="+key1)
	url := pgtest.URL(t)
	host.env = append(host.env, "DATABASE_URL="+url)
	host.write("main.go", hostProgram)
	host.write("main_test.go", hostTest)
	host.write("go.mod", "module example.com/host\n\ngo 1.26.0\n\nrequire github.com/toprent/flags v0.0.0\n\nreplace github.com/toprent/flags => "+here+"\n")
	// The versions that are tested here, rather than whatever is newest.
	host.golang("get", pinned(t, here, "github.com/gin-gonic/gin"))
	host.golang("mod", "tidy")

	sums := modules(read(t, filepath.Join(host.dir, "go.sum")))
	compiled := host.golang("list", "-deps", "-test", "./...")
	for module, what := range unwanted {
		for _, sum := range sums {
			if strings.HasPrefix(sum, module) {
				t.Errorf("a host's go.sum has %s: %s", sum, what)
			}
		}
		for line := range strings.Lines(compiled) {
			if strings.HasPrefix(line, module) {
				t.Errorf("a host compiles %s: %s", strings.TrimSpace(line), what)
			}
		}
	}
	t.Logf("%d modules in a host's go.sum: %s", len(sums), strings.Join(sums, " "))

	command := newCommand(t, "DATABASE_URL="+url)
	command.does("import", command.write("reports.yaml", reportsFlag))
	asksForNothing(t, command)
	command.does("import", example(t))
	host.golang("build", "-o", "host", ".")
	process := exec.Command(filepath.Join(host.dir, "host"))
	process.Dir, process.Env = host.dir, append(host.env, "GIN_MODE=release")
	s := host.startsProcess(process)
	waitFor(t, "the host: "+s.log.String(), s.address)
	p := s.guest().opens("/")
	p.wants(t, "reports", "true")
	p.wants(t, "advanced-reports", "false")
	if response, err := s.get("/advanced"); err != nil || response.StatusCode != 404 {
		t.Errorf("a page that nobody may see: %v, %v", response, err)
	}
	host.golang("vet", "./...")
	host.golang("test", "./...")
}

// golang runs the go command in the host's module, without its network but what the settings allow.
func (c *command) golang(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// pinned is a module with the version that this repository requires.
func pinned(t *testing.T, repository, module string) string {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(module) + ` (v\S+)`).FindStringSubmatch(read(t, filepath.Join(repository, "go.mod")))
	if found == nil {
		t.Fatalf("go.mod does not require %s", module)
	}
	return module + "@" + found[1]
}

// modules are those of which go.sum has the content, not the go.mod alone.
func modules(sum string) (paths []string) {
	lines := bufio.NewScanner(strings.NewReader(sum))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && !strings.HasSuffix(fields[1], "/go.mod") {
			paths = append(paths, fields[0])
		}
	}
	return paths
}
