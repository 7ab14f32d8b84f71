package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// settingsHost is a Gin app that mounts the settings pages, with a sign-in of its own.
const settingsHost = `package main

import (
	"context"
	"log"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/models"
)

func main() {
	ctx := context.Background()
	store, err := models.Open(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	who := func(c *gin.Context) (settings.Person, error) {
		if c.GetHeader("X-User") == "" {
			return settings.Person{}, settings.ErrNotSignedIn
		}
		return settings.Person{ID: c.GetHeader("X-User"), Roles: map[string]settings.Role{settings.Everywhere: settings.Editor}}, nil
	}
	pages, err := settings.New(settings.Config{Store: store, Person: who, SignIn: "/sign-in"})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	if err := pages.Mount(r.Group("/settings")); err != nil {
		log.Fatal(err)
	}
	go pages.Run(ctx)
	log.Fatal(r.Run("127.0.0.1:0"))
}
`

func TestAHostThatMountsTheSettingsDownloadsNoSignInOfOurs(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	host := newCommand(t)
	host.write("main.go", settingsHost)
	host.write("go.mod", "module example.com/host\n\ngo 1.26.0\n\nrequire github.com/toprent/flags v0.0.0\n\nreplace github.com/toprent/flags => "+here+"\n")
	host.golang("get", pinned(t, here, "github.com/gin-gonic/gin"))
	host.golang("mod", "tidy")
	sums := modules(read(t, filepath.Join(host.dir, "go.sum")))
	compiled := host.golang("list", "-deps", "./...")
	for _, module := range []string{"github.com/coreos/go-oidc", "golang.org/x/oauth2", "github.com/go-jose/", "modernc.org/", "github.com/pressly/goose", "github.com/alecthomas/kong"} {
		for _, sum := range sums {
			if strings.HasPrefix(sum, module) {
				t.Errorf("a host's go.sum has %s", sum)
			}
		}
		if strings.Contains(compiled, module) {
			t.Errorf("a host compiles %s", module)
		}
	}
	host.golang("vet", "./...")
}
