package settingstest

import (
	_ "code.dny.dev/ssrf"
	_ "github.com/alexedwards/argon2id"
	_ "github.com/coreos/go-oidc/v3/oidc"
	_ "golang.org/x/oauth2"
	_ "golang.org/x/time/rate"
)
