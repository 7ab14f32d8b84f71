package middleware

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// ticket is what a preview's link and its cookie say.
type ticket struct {
	Environment string            `json:"e"`
	Until       int64             `json:"u"` // Unix seconds
	Variants    map[string]string `json:"v,omitempty"`
	Draft       int64             `json:"d,omitempty"`
}

func (t ticket) until() time.Time { return time.Unix(t.Until, 0).UTC() }

// What a ticket is sealed for. A link is no cookie, and a cookie no link: each is signed with a key of its own.
const (
	linkSeal   = "link"
	cookieSeal = "cookie"
)

var (
	errForged           = errors.New("the signature is not ours")
	errOver             = errors.New("the time is over")
	errOtherEnvironment = errors.New("the environment is another one")
)

// seal signs a ticket with HMAC-SHA256 (RFC 2104). bearer is who alone may use it; empty: whoever has it.
func (p *Preview) seal(purpose string, t ticket, bearer string) string {
	content, _ := json.Marshal(t) // texts and numbers always can be
	return base64.RawURLEncoding.EncodeToString(content) + "." + base64.RawURLEncoding.EncodeToString(p.sum(purpose, content, bearer))
}

// open gives a ticket that was sealed for that purpose and bearer, and counts now in that environment.
func (p *Preview) open(purpose, sealed, bearer, environment string, now time.Time) (ticket, error) {
	var t ticket
	if len(sealed) > maxCookie || strings.ContainsAny(sealed, "\r\n") { // which the decoder would skip
		return t, errForged
	}
	text, signature, _ := strings.Cut(sealed, ".")
	content, err1 := base64.RawURLEncoding.Strict().DecodeString(text)
	sum, err2 := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err1 != nil || err2 != nil || !hmac.Equal(sum, p.sum(purpose, content, bearer)) || json.Unmarshal(content, &t) != nil {
		return ticket{}, errForged
	}
	switch left := t.until().Sub(now); {
	case left <= 0 || left > MaxPreview+maxAhead:
		return t, errOver
	case t.Environment != environment:
		return t, errOtherEnvironment
	}
	return t, nil
}

// sum signs content, with everything that it depends on length-prefixed before it.
func (p *Preview) sum(purpose string, content []byte, bearer string) []byte {
	key, err := hkdf.Key(sha256.New, p.Key, nil, "toprent/flags preview "+purpose, sha256.Size) // RFC 5869
	if err != nil {
		panic(err) // only where more is asked for than the hash can give
	}
	h := hmac.New(sha256.New, key)
	for _, part := range [...]string{p.URL, bearer} {
		_, _ = h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		_, _ = h.Write([]byte(part))
	}
	_, _ = h.Write(content)
	return h.Sum(nil)
}
