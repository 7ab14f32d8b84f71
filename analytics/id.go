package analytics

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// newID names an event that happened once: a UUID of version 7, so that later ones come later in indexes.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// idOf names an event that counts once a day for each person, whichever instance tells it: by what it says.
func idOf(e models.FeatureFlagEvent) string {
	person := "user " + e.UserID
	switch {
	case e.UserID != "":
	case e.VisitorID != "":
		person = "visitor " + e.VisitorID
	default:
		person = "tenant " + e.Tenant
	}
	return hashed(e.Day, e.Environment, string(e.Kind), e.Flag, e.Variant, person)
}

// idOfMetric names what was measured elsewhere by the id that it has there: one order may have a price and a length.
func idOfMetric(e models.FeatureFlagEvent, name, id string) string {
	return hashed(e.Day, e.Environment, string(e.Kind), name, id)
}

// hashed is a UUID of version 8 made of texts.
func hashed(texts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id.String()
}

// keeps reports whether a person is among the share whose exposures of a flag are recorded: always the same people.
func keeps(share int64, flag string, who *ruleset.Subject) bool {
	switch {
	case share >= int64(ruleset.Everyone):
		return true
	case share <= 0:
		return false
	}
	person := "user " + who.User
	if who.User == "" {
		person = "visitor " + who.Visitor
	}
	sum := sha256.Sum256([]byte("sample\x00" + flag + "\x00" + person))
	return binary.BigEndian.Uint64(sum[:8])%uint64(ruleset.Everyone) < uint64(share)
}
