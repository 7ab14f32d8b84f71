package middleware

import "bytes"

// A place is what a scanner knows so far about where the injection goes.
type place uint8

const (
	placeUnknown place = iota // not decided yet
	placeFound                // here
	placeNone                 // this is a fragment, or no HTML at all
)

// A scanner finds where an HTML document takes an injection: before the first
// token that is not white space, a comment, a doctype, <html>, <head> or
// <meta>. A text in which no doctype, <html> or <head> came before that token
// is a fragment and takes none.
//
// The place is early, so that nothing waits for it, and still behind the metas,
// so that <meta charset> stays within the first 1,024 bytes, where browsers look
// for it, and a policy in a <meta> governs the injection too.
//
// It reads as the tokenizer of the HTML standard does, a chunk at a time, and
// allocates nothing. The zero scanner stands at the start of a document.
type scanner struct {
	state scanState
	then  scanState // what follows skipping
	until byte      // what ends skipping
	word  uint8     // how much of "doctype" has been read
	open  uint8     // bytes since the '<' of a token that has no name yet: at most maxHeld
	name  uint32    // those of them that are letters of a tag's name, in lower case
	seen  bool      // a doctype, <html> or <head>: this is a document
}

// maxHeld is the most bytes that a scanner may have to see again before it can say
// where the injection goes: "<html" is one token, "<htmlx" another.
const maxHeld = len("<html")

type scanState uint8

const (
	documentStart scanState = iota
	bomSecond
	bomThird
	betweenTokens // outside of any token
	skipping      // to the next byte that is until, then on with then
	tagOpen       // <
	tagName       // <h
	endOpen       // </
	markupOpen    // <!
	markupDash    // <!-
	doctypeWord   // <!d
	commentStart
	commentStartDash
	commentDash
	commentEnd
	commentBang
	beforeAttr
	inAttr
	afterAttr
	beforeValue
	unquoted
	decided
)

// The tags that may stand before the injection.
const (
	nameHTML = 'h'<<24 | 't'<<16 | 'm'<<8 | 'l'
	nameHead = 'h'<<24 | 'e'<<16 | 'a'<<8 | 'd'
	nameMeta = 'm'<<24 | 'e'<<16 | 't'<<8 | 'a'
)

// scan reads the next chunk of the document. While it is searching, chunk[:at]
// may be sent and the rest, at most maxHeld bytes together with what was kept from
// the chunks before, has to be kept. Once it has found the place, that is before
// chunk[at]. Where at is negative, the place is, or the bytes to keep begin, that
// many bytes before the chunk. After placeFound or placeNone it must not be called again.
func (s *scanner) scan(chunk []byte) (at int, p place) {
	for i := 0; i < len(chunk); {
		i += s.step(chunk[i:])
		if s.state != decided {
			continue
		}
		if !s.seen {
			return len(chunk), placeNone
		}
		return i - int(s.open), placeFound
	}
	return len(chunk) - int(s.open), placeUnknown
}

// atEnd reports, once the document is over and the place was not found, whether
// the injection goes at its end, before the bytes that scan had kept. It does
// not where a comment or a tag was left open: it would be lost in there.
func (s *scanner) atEnd() bool {
	return s.seen && (s.state == betweenTokens || s.open > 0)
}

// step reads on in b, which is not empty, and returns how many bytes it has
// dealt with. Once decided, that is all before the byte that decided.
func (s *scanner) step(b []byte) int {
	switch s.state {
	case betweenTokens:
		return s.outside(b)
	case skipping:
		return s.skip(b)
	case beforeAttr, inAttr, afterAttr, beforeValue, unquoted:
		return s.attributes(b)
	case tagOpen, tagName, endOpen:
		return s.tag(b)
	case documentStart, bomSecond, bomThird:
		return s.begin(b)
	case doctypeWord:
		return s.doctype(b)
	case markupOpen, markupDash:
		s.declaration(b[0])
	default:
		s.comment(b[0])
	}
	return 1
}

// begin skips a byte order mark. Half a mark is text, and since nothing came
// before it, the text is a fragment.
func (s *scanner) begin(b []byte) int {
	switch c := b[0]; {
	case s.state == documentStart && c == 0xEF:
		s.state = bomSecond
	case s.state == bomSecond && c == 0xBB:
		s.state = bomThird
	case s.state == bomThird && c == 0xBF:
		s.state = betweenTokens
	case s.state == documentStart:
		s.state = betweenTokens
		return 0
	default:
		s.state = decided
		return 0
	}
	return 1
}

func (s *scanner) outside(b []byte) int {
	n := 0
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	switch {
	case n == len(b):
		return n
	case b[n] == '<':
		s.state, s.open, s.name = tagOpen, 1, 0
		return n + 1
	}
	s.state = decided
	return n
}

func (s *scanner) skip(b []byte) int {
	n := bytes.IndexByte(b, s.until)
	if n < 0 {
		return len(b)
	}
	s.state = s.then
	return n + 1
}

// tag reads from behind the '<' until it is clear what kind of token this is.
func (s *scanner) tag(b []byte) int {
	switch c := b[0]; {
	case s.state == endOpen:
		return s.endTag(c)
	case s.state == tagName && (isSpace(c) || c == '/' || c == '>'):
		s.startTag()
		return 0
	case isLetter(c):
		return s.letters(b)
	case s.state == tagName:
		s.state = decided
		return 0
	case c == '!':
		s.state, s.open = markupOpen, 0
	case c == '?':
		s.state, s.open = s.bogus(c), 0
	case c == '/':
		s.state, s.open = endOpen, 2
	default: // a '<' that is text
		s.state = decided
		return 0
	}
	return 1
}

// letters adds to the name of a tag, and gives up as soon as it can no longer
// become one that is looked for, so that as little as possible is held back.
func (s *scanner) letters(b []byte) int {
	s.state = tagName
	for i, c := range b {
		if !isLetter(c) {
			return i
		}
		name := s.name<<8 | uint32(c|0x20)
		missing := len("html") - int(s.open)
		if missing < 0 || !begins(name, 8*missing) {
			s.state = decided
			return i
		}
		s.name = name
		s.open++
	}
	return len(b)
}

func begins(name uint32, missingBits int) bool {
	return name == nameHTML>>missingBits || name == nameHead>>missingBits || name == nameMeta>>missingBits
}

// startTag ends the name of a start tag.
func (s *scanner) startTag() {
	switch s.name {
	case nameHTML, nameHead:
		s.seen = true
	case nameMeta:
	default:
		s.state = decided
		return
	}
	s.state, s.open = beforeAttr, 0
}

// endTag follows "</". Without a name it is no tag: "</>" is nothing, anything
// else is a comment. With one it ends the search: "</head>" too.
func (s *scanner) endTag(c byte) int {
	if isLetter(c) {
		s.state = decided
		return 0
	}
	s.state, s.open = s.bogus(c), 0
	return 1
}

// attributes reads the rest of a start tag. A quote counts only where a value
// begins: <head "a> ends at its '>'.
func (s *scanner) attributes(b []byte) int {
	at := s.state
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case at == inAttr && isLetter(c):
		case c == '>':
			s.state = betweenTokens
			return i + 1
		case isSpace(c):
			at = afterSpace(at)
		case at == unquoted:
		case at == beforeValue && (c == '"' || c == '\''):
			n := bytes.IndexByte(b[i+1:], c)
			if n < 0 {
				s.state, s.until, s.then = skipping, c, beforeAttr
				return len(b)
			}
			i += n + 1
			at = beforeAttr
		case at == beforeValue:
			at = unquoted
		case c == '/':
			at = beforeAttr
		case c == '=' && at != beforeAttr: // there it is the first letter of a name
			at = beforeValue
		default:
			at = inAttr
		}
	}
	s.state = at
	return len(b)
}

func afterSpace(at scanState) scanState {
	switch at {
	case inAttr:
		return afterAttr
	case unquoted:
		return beforeAttr
	}
	return at
}

// declaration follows "<!": a comment, a doctype, or what browsers take for a
// comment, such as <!ELEMENT> or <![CDATA[. The latter two end at the first
// '>', within quotes too.
func (s *scanner) declaration(c byte) {
	switch {
	case s.state == markupOpen && c == '-':
		s.state = markupDash
	case s.state == markupOpen && c|0x20 == 'd':
		s.state, s.word = doctypeWord, 1
	case s.state == markupDash && c == '-':
		s.state = commentStart
	default:
		s.state = s.bogus(c)
	}
}

func (s *scanner) doctype(b []byte) int {
	const word = "doctype"
	for i, c := range b {
		if c|0x20 != word[s.word] {
			s.state = s.bogus(c)
			return i + 1
		}
		if s.word++; int(s.word) == len(word) {
			s.seen = true
			s.state, s.until, s.then = skipping, '>', betweenTokens
			return i + 1
		}
	}
	return len(b)
}

// bogus is the state after the first byte of something that ends at the first '>'.
func (s *scanner) bogus(c byte) scanState {
	if c == '>' {
		return betweenTokens
	}
	s.until, s.then = '>', betweenTokens
	return skipping
}

// comment follows "<!--", where ">" and "->" end it at once; later "-->" and
// "--!>" do.
func (s *scanner) comment(c byte) {
	switch {
	case c == '>' && s.state != commentDash:
		s.state = betweenTokens
	case c == '-':
		s.state = s.dash()
	case c == '!' && s.state == commentEnd:
		s.state = commentBang
	default:
		s.state, s.until, s.then = skipping, '-', commentDash
	}
}

func (s *scanner) dash() scanState {
	switch s.state {
	case commentStart:
		return commentStartDash
	case commentBang:
		return commentDash
	}
	return commentEnd
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'
}

func isLetter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z'
}
