package alerts

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// message is the e-mail about an event.
func message(from *mail.Address, to []string, e Event) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", from.String())
	header("To", strings.Join(to, ",\r\n "))
	header("Subject", mime.QEncoding.Encode("utf-8", subject(e)))
	header("Date", time.Now().UTC().Format(time.RFC1123Z))
	header("Message-ID", "<"+e.ID+from.Address[strings.LastIndexByte(from.Address, '@'):]+">") // the same on each attempt
	header("Auto-Submitted", "auto-generated")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(mailText(e), "\n", "\r\n"))) // into memory: never fails
	_ = w.Close()
	return b.Bytes()
}

// subject is short: mail programs cut it.
func subject(e Event) string {
	headline := []rune(e.headline())
	if len(headline) > 120 {
		headline = append(headline[:119], '…')
	}
	return string(headline)
}

func mailText(e Event) string {
	lines := []string{e.headline(), ""}
	for _, change := range e.changes() {
		lines = append(lines, "- "+change)
	}
	lines = append(lines, e.when())
	if e.Link != "" {
		lines = append(lines, "", e.Link)
	}
	return strings.Join(lines, "\n") + "\n"
}

// mostAddresses is how many people one channel writes to; a mailing list has room for more.
const mostAddresses = 20

// parseAddresses reads e-mail addresses, one a line or parted by commas. It gives what is wrong in words for people.
func parseAddresses(text string) (addresses []string, wrong string) {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' || r == '\r' }) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if !plainAddress(part) {
			return nil, fmt.Sprintf("%q is no e-mail address. Write addresses alone, such as team@example.com, one a line.", clean(part))
		}
		addresses = append(addresses, part)
	}
	switch {
	case len(addresses) == 0:
		return nil, "Write at least one e-mail address."
	case len(addresses) > mostAddresses:
		return nil, fmt.Sprintf("These are %d addresses; at most %d fit. Use a mailing list.", len(addresses), mostAddresses)
	}
	return addresses, ""
}

// plainAddress reports whether the text is one address and nothing else: in ASCII, and with nothing that could begin
// another header or command.
func plainAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Name == "" && parsed.Address == text && len(text) <= 254 && !unsafe(text) && !strings.ContainsAny(text, "\"<> ") &&
		strings.IndexFunc(text, func(r rune) bool { return r > 0x7e }) < 0
}

// unsafe reports whether a text could break out of a header.
func unsafe(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
