// Package pseudonym puts other names in the place of those that say who somebody is. The same person always gets the same
// one, as long as the key is the same; without the key nobody can tell whose it is, nor check a guess.
package pseudonym

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Prefix begins all pseudonyms.
const Prefix = "p-"

// Tells reports whether a text looks like an e-mail address, or has one in it: as it is written, or as URLs write it.
func Tells(text string) bool {
	for _, at := range []string{"@", "%40", "＠"} {
		if within := strings.TrimSuffix(strings.TrimPrefix(text, at), at); strings.Contains(within, at) {
			return true
		}
	}
	return false
}

// Of gives the pseudonym of a text. Upper and lower case do not make two people of one address.
func Of(key []byte, text string) string {
	own := sum(key, "toprent: pseudonyms in events") // the key has other uses
	return Prefix + strings.ToLower(base32.HexEncoding.EncodeToString(sum(own, strings.ToLower(text))))[:32]
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
