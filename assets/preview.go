package assets

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
)

//go:embed preview/preview.css
var previewStyle string

// PreviewStyle is the style sheet of a preview's banner and of the page that starts a preview.
func PreviewStyle() string { return previewStyle }

// PreviewStyleName is its file name. Another content has another name.
func PreviewStyleName() string {
	sum := sha256.Sum256([]byte(previewStyle))
	return "preview." + hex.EncodeToString(sum[:4]) + ".css"
}
