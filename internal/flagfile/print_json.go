package flagfile

import (
	"bytes"
	"encoding/json"
)

// jsonBytes writes nodes as indented JSON.
func jsonBytes(root *node) []byte {
	var mistakes Mistakes // numbers come from JSON, so none is made
	compact := place{mistakes: &mistakes}.toJSON(root)
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return append(compact, '\n')
	}
	b.WriteByte('\n')
	return b.Bytes()
}
