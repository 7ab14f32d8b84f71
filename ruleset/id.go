package ruleset

import (
	"encoding/hex"
	"fmt"
)

// ID names one revision of one environment. Two databases can both have a revision 7 of production (one was
// restored from a backup, say): the digest tells them apart.
type ID struct {
	Environment string `json:"environment"`
	Number      int64  `json:"number"` // from 1; 0 is the empty revision of an environment in which nothing was published
	Digest      Digest `json:"digest"`
}

// Digest is the head of a revision's digest, which chains over all revisions before it.
type Digest [8]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText gives the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a digest in hexadecimal.
func (d *Digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) {
		return fmt.Errorf("a digest is %d hexadecimal digits, not %d", hex.EncodedLen(len(d)), len(text))
	}
	_, err := hex.Decode(d[:], text)
	return err
}
