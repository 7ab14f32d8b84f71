// Package build makes the bundles that package assets embeds. It is apart from assets so that a host that embeds the
// bundles finds no esbuild in its go.sum. It is deterministic: the same source gives the same bytes on every machine.
package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// Bundle is one built file.
type Bundle struct {
	Name   string // file name, which carries 8 hex digits of the content's SHA-256, such as client.1a2b3c4d.js
	Script []byte // ASCII, without a line break at the end
}

// Client bundles the browser client from the folder jsclient of the repository at root. It refuses a bundle that could
// not stand inline in a page, since an HTML parser would end the script where its language does not.
func Client(root string) (Bundle, error) {
	folder, err := filepath.Abs(root)
	if err != nil {
		return Bundle{}, fmt.Errorf("build client: %w", err)
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     folder,
		EntryPoints:       []string{"jsclient/client.ts"},
		TsconfigRaw:       "{}", // editors' settings must not change the bytes
		Bundle:            true,
		Format:            api.FormatIIFE,
		Target:            api.ES2021,
		Charset:           api.CharsetASCII,
		LegalComments:     api.LegalCommentsNone,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LogLevel:          api.LogLevelSilent,
	})
	if messages := append(result.Errors, result.Warnings...); len(messages) > 0 {
		return Bundle{}, fmt.Errorf("build client: %w", asError(messages))
	}
	script := bytes.TrimSpace(result.OutputFiles[0].Contents)
	if err := inlinable(script); err != nil {
		return Bundle{}, fmt.Errorf("build client: %w", err)
	}
	return bundle("client", script), nil
}

// CSPHash is the source expression by which a content security policy allows the script inline.
func (b Bundle) CSPHash() string {
	sum := sha256.Sum256(b.Script)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func bundle(stem string, script []byte) Bundle {
	sum := sha256.Sum256(script)
	return Bundle{Name: stem + "." + hex.EncodeToString(sum[:4]) + ".js", Script: script}
}

// inlinable refuses what changes the state of an HTML parser inside a script element.
func inlinable(script []byte) error {
	lower := bytes.ToLower(script)
	for _, hostile := range []string{"</script", "<script", "<!--"} {
		if bytes.Contains(lower, []byte(hostile)) {
			return fmt.Errorf("the bundle contains %q and cannot stand inline in a page", hostile)
		}
	}
	return nil
}

func asError(messages []api.Message) error {
	var all []error
	for _, message := range messages {
		if at := message.Location; at != nil {
			all = append(all, fmt.Errorf("%s:%d:%d: %s", at.File, at.Line, at.Column, message.Text))
		} else {
			all = append(all, errors.New(message.Text))
		}
	}
	return errors.Join(all...)
}
