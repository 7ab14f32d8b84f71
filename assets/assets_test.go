package assets_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/toprent/flags/assets"
)

func TestTheClientsNameAndPolicyHashAreThoseOfItsBytes(t *testing.T) {
	sum := sha256.Sum256([]byte(assets.Client()))
	if want := "client." + hex.EncodeToString(sum[:4]) + ".js"; assets.ClientName != want {
		t.Errorf("the name is %s, its bytes say %s", assets.ClientName, want)
	}
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; assets.ClientCSPHash != want {
		t.Errorf("the policy hash is %s, its bytes say %s", assets.ClientCSPHash, want)
	}
}
