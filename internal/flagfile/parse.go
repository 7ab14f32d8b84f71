package flagfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Limits against hostile or mistaken files.
const (
	MaxSize    = 10 << 20 // bytes
	maxDepth   = 100      // levels of lists and mappings
	maxItems   = 50_000   // in one list
	maxEntries = 10_000   // in one mapping of YAML
	maxEnvs    = 50       // environments in a file, since each is checked by itself
	maxCost    = 300e6    // of all mappings of YAML together: the entries that stand before each entry, added up
)

// fault is what keeps a file from being read at all.
type fault struct {
	pos     Position
	message string
}

func tooDeep(pos Position) *fault {
	return &fault{pos, fmt.Sprintf("nested too deep: at most %d levels", maxDepth)}
}

// parse reads a file into nodes.
func parse(name string, data []byte) (*node, *fault) {
	if len(data) > MaxSize {
		return nil, &fault{Position{}, fmt.Sprintf("the file is too large: at most %d bytes", MaxSize)}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if f := checkUTF8(data); f != nil {
		return nil, f
	}
	if isJSON(name, data) {
		return parseJSON(data)
	}
	if f := checkYAMLText(data); f != nil {
		return nil, f
	}
	return parseYAML(data)
}

// isJSON decides by the name, or for another name by whether it is JSON: YAML's own form in braces need not be.
func isJSON(name string, data []byte) bool {
	if strings.EqualFold(filepath.Ext(name), ".json") {
		return true
	}
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data)
}

func checkUTF8(data []byte) *fault {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return &fault{positionAt(data, i), "the file must be UTF-8"}
		}
		i += size
	}
	return nil
}

// checkYAMLText refuses the characters that YAML 1.2.2, section 5.1, does not allow, which its parser lets through.
func checkYAMLText(data []byte) *fault {
	for i, r := range string(data) {
		switch {
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return &fault{positionAt(data, i), fmt.Sprintf("control character U+%04X; in quotes it can be written as an escape", r)}
		case r == '\ufeff':
			return &fault{positionAt(data, i), "a byte order mark can only begin the file"}
		}
	}
	return nil
}
