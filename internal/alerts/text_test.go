package alerts

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var nasty = Event{ID: "e1", Kind: "publish", Environment: "production", Revision: 7, Author: "ada@toprent.example", At: time.Unix(0, 0),
	Reason: "@everyone @here <@123> <!channel> **bold** [click](https://evil.example) \r\nBcc: evil@example.com\n\x00\u202e@all",
	Flags:  []Change{{"new-home", []string{"rules changed"}}}}

func TestChatsAreNotMadeToCallAnybody(t *testing.T) {
	for _, kind := range []string{Slack, Discord, Teams} {
		body, err := chatBody(kind, nasty)
		if err != nil || !json.Valid(body) {
			t.Fatal(kind, err)
		}
		if kind == Teams { // which takes the text as it is
			if strings.Contains(string(body), "TextBlock\"") && !strings.Contains(string(body), "RichTextBlock") {
				t.Errorf("Teams would read Markdown: %s", body)
			}
			continue
		}
		var said struct {
			Text, Content string
			Mentions      struct{ Parse []string } `json:"allowed_mentions"`
		}
		if err := json.Unmarshal(body, &said); err != nil {
			t.Fatal(err)
		}
		text := said.Text + said.Content
		for _, bad := range []string{"@everyone", "@here", "@all", "<!channel>", "<@123>", "](", "\r", "\x00", "\u202e", "\nBcc"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s is told %q: %q", kind, bad, text)
			}
		}
		if !strings.Contains(text, "ada@toprent.example") {
			t.Errorf("%s is not told the author's address whole: %q", kind, text)
		}
		if kind == Discord && (said.Mentions.Parse == nil || len(said.Mentions.Parse) != 0) {
			t.Errorf("Discord may mention: %s", body)
		}
	}
}

func TestAMailsHeadersHoldOneLineEach(t *testing.T) {
	m, err := newMailer(Mail{URL: "smtp://mail.example.com/?from=Flags+<flags@example.com>"})
	if err != nil {
		t.Fatal(err)
	}
	text := string(message(m.from, []string{"a@example.com", "b@example.com"}, nasty))
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding":
		default:
			if !strings.HasPrefix(line, " ") {
				t.Errorf("there is a header %q", line)
			}
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Error("there is a bare line feed")
	}
}

func TestAddressesThatBreakOutAreRefused(t *testing.T) {
	for _, text := range []string{"a@example.com\nBcc: b@example.com", "a@example.com\r\nDATA", "Ann <a@example.com>", "a@example.com> RCPT TO:<b@example.com", `"a b"@example.com`, "ä@example.com", "", "nobody", strings.Repeat("a@example.com\n", 21)} {
		if addresses, wrong := parseAddresses(text); wrong == "" {
			t.Errorf("%q is read as %q", text, addresses)
		}
	}
	for _, from := range []string{"", "nobody", "a@example.com%0d%0aBcc:b@example.com", "%22a%0d%0aX: y%22 <a@example.com>"} {
		if _, err := newMailer(Mail{URL: "smtp://u:secret-password@mail.example.com/?from=" + from}); err == nil {
			t.Errorf("from %q is taken", from)
		} else if strings.Contains(err.Error(), "secret-password") {
			t.Errorf("the error says the password: %v", err)
		}
	}
}

func TestALongListOfChangesIsCut(t *testing.T) {
	e := nasty
	e.Flags = make([]Change, 500)
	if lines := e.changes(); len(lines) != mostChanges+1 || lines[mostChanges] != "and 490 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	e.Reason = strings.Repeat("x", 10_000)
	if n := len(e.headline()); n > 1000 {
		t.Errorf("the headline has %d characters", n)
	}
}
