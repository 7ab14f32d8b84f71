package alerts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// seal keeps secrets unreadable in the database, if there is a key: AES-256-GCM, under a key derived (HKDF-SHA256) from
// the host's. What was stored before there was a key can still be read.
type seal struct{ aead cipher.AEAD }

// How stored values begin.
const (
	plainly = "plain:"
	sealed  = "gcm1:"
)

var errSealed = errors.New("the channel's secrets cannot be read: they were sealed with another key")

func newSeal(key []byte) (*seal, error) {
	if len(key) == 0 {
		return &seal{}, nil
	}
	if len(key) < 16 {
		return nil, fmt.Errorf("the key for secrets has %d bytes: give at least 16, better 32, of randomness", len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "toprent flags: secrets of alert channels", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &seal{aead}, err
}

// close gives a value as it is stored. place, such as the channel's id and the column, is sealed in with it, so that a
// stored value means nothing elsewhere.
func (s *seal) close(place, value string) string {
	switch {
	case value == "":
		return ""
	case s.aead == nil:
		return plainly + value
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return sealed + base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(value), []byte(place)))
}

// open gives a stored value back.
func (s *seal) open(place, stored string) (string, error) {
	if value, ok := strings.CutPrefix(stored, plainly); ok || stored == "" {
		return value, nil
	}
	text, ok := strings.CutPrefix(stored, sealed)
	if !ok || s.aead == nil {
		return "", errSealed
	}
	box, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(box) < s.aead.NonceSize() {
		return "", errSealed
	}
	value, err := s.aead.Open(nil, box[:s.aead.NonceSize()], box[s.aead.NonceSize():], []byte(place))
	if err != nil {
		return "", errSealed
	}
	return string(value), nil
}
