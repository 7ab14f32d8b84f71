package views

// Conflict shows what somebody else has made of an item, beside what was typed.
type Conflict struct {
	What  string
	Lines []ConflictLine
}

// ConflictLine is one field of it.
type ConflictLine struct{ Field, Theirs, Yours string }

// Differs reports whether the two say something else.
func (l ConflictLine) Differs() bool { return l.Theirs != l.Yours }
