package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// newSecret draws 256 random bits.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// digest is what is stored of a secret. It has 256 random bits, so a fast hash keeps it as well as a slow one.
func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// newID draws a name that says nothing.
func newID() string { return rand.Text() }
