package assets

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed third_party/*.css third_party/*.js third_party/*.svg site settings
var staticFiles embed.FS

// Static serves the files of the built-in pages under names that carry a hash of their content, so that they are
// cached for good. A host that does not use it does not carry the files either.
type Static struct {
	prefix string
	files  map[string][]byte // by hashed name
	hashed map[string]string // by name
}

// NewStatic reads the files, to be served under a prefix such as /assets/.
func NewStatic(prefix string) *Static {
	s := &Static{prefix: prefix, files: map[string][]byte{}, hashed: map[string]string{}}
	for _, dir := range []string{"third_party", "site", "settings"} {
		entries, err := staticFiles.ReadDir(dir)
		if err != nil {
			panic(err) // embedded, so it is a mistake in the program
		}
		for _, entry := range entries {
			content, err := staticFiles.ReadFile(path.Join(dir, entry.Name()))
			if err != nil {
				panic(err)
			}
			s.add(entry.Name(), content)
		}
	}
	return s
}

func (s *Static) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:4]) + ext
	s.files[hashed], s.hashed[name] = content, hashed
}

// URL is where a file is served. A name that does not exist panics: it is a mistake in a template.
func (s *Static) URL(name string) string {
	hashed, ok := s.hashed[name]
	if !ok {
		panic("assets: there is no file " + name)
	}
	return s.prefix + hashed
}

// ServeHTTP serves the files.
func (s *Static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, s.prefix)
	content, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
