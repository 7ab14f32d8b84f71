package settings

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// mailServer speaks as much SMTP as is needed.
type mailServer struct {
	address  string
	tls      *tls.Config       // nil: offers no STARTTLS
	password string            // what it lets in with; empty: it asks for none
	refuses  map[string]string // what it says to a receiver instead of 250

	mu       sync.Mutex
	messages []string // headers and body
	receives []string // by RCPT
	heard    []string // commands before encryption
	news     chan struct{}
}

// newMailServer starts one. trusted is what a client needs to believe its certificate.
func newMailServer(t *testing.T, change ...func(*mailServer)) (s *mailServer, trusted *tls.Config) {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	s = &mailServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}, refuses: map[string]string{}, news: make(chan struct{}, 100)}
	for _, f := range change {
		f(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s, &tls.Config{RootCAs: roots}
}

func (s *mailServer) talk(conn net.Conn) {
	defer conn.Close()
	in, encrypted := bufio.NewReader(conn), false
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	say("220 mail.test")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		if !encrypted {
			s.mu.Lock()
			s.heard = append(s.heard, line)
			s.mu.Unlock()
		}
		switch strings.ToUpper(verb) {
		case "EHLO":
			offers := []string{"mail.test"}
			if s.tls != nil && !encrypted {
				offers = append(offers, "STARTTLS")
			}
			offers = append(offers, "AUTH PLAIN")
			for i, offer := range offers {
				say("250%s%s", map[bool]string{true: " ", false: "-"}[i == len(offers)-1], offer)
			}
		case "STARTTLS":
			say("220 go")
			secured := tls.Server(conn, s.tls)
			if secured.Handshake() != nil {
				return
			}
			conn, in, encrypted = secured, bufio.NewReader(secured), true
		case "AUTH":
			given, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if parts := strings.Split(string(given), "\x00"); len(parts) != 3 || parts[2] != s.password {
				say("535 5.7.8 no: %s", given)
				continue
			}
			say("235 in")
		case "RCPT":
			to := strings.TrimSuffix(strings.TrimPrefix(rest, "TO:<"), ">")
			if no := s.refuses[to]; no != "" {
				say("%s", no)
				continue
			}
			s.mu.Lock()
			s.receives = append(s.receives, to)
			s.mu.Unlock()
			say("250 ok")
		case "DATA":
			say("354 go on")
			body, err := textproto.NewReader(in).ReadDotBytes()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.messages = append(s.messages, string(body))
			s.mu.Unlock()
			say("250 taken")
			s.news <- struct{}{}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// mails lets a host send through the server.
func (s *mailServer) mails(user string, trusted *tls.Config) func(*settings.Config) {
	return func(c *settings.Config) {
		c.Mail = settings.Mail{URL: "smtp://" + user + s.address + "/?from=Flags+<flags@toprent.example>", TLS: trusted}
	}
}

func TestAKillIsToldByMailOverAnEncryptedConnection(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		server, trusted := newMailServer(t, func(s *mailServer) { s.password = "pass-word" })
		site := settingstest.On(t, store, inside, server.mails("flags:pass-word@", trusted))
		site.Sample()
		admin := site.As("admin")
		channel := channelAt(t, admin, "On call", "email", "ann@toprent.example\nbob@toprent.example")
		watches(t, admin, channel, "", "", "kills")
		if _, err := site.Changes.Kill(t.Context(), "production", "new-home", "ada@toprent.example", "grün\r\nBcc: evil@example.com"); err != nil {
			t.Fatal(err)
		}
		<-server.news
		until(t, "it is noted", func() bool { return deliveriesOf(t, store)[0].Status == models.AlertSent })
		server.mu.Lock()
		defer server.mu.Unlock()
		if !slices.Equal(server.receives, []string{"ann@toprent.example", "bob@toprent.example"}) {
			t.Errorf("sent to %q", server.receives)
		}
		head, body, _ := strings.Cut(server.messages[0], "\n\n")
		if !strings.Contains(head, "Subject: =?utf-8?q?KILLED_new-home_in_production") || strings.Contains(head, "\nBcc") {
			t.Errorf("the headers are\n%s", head)
		}
		if !strings.Contains(body, "KILLED new-home in production, by ada@toprent.example: gr=C3=BC") {
			t.Errorf("the body is\n%s", body)
		}
		if heard := strings.Join(server.heard, "\n"); strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
			t.Errorf("said before encryption:\n%s", heard)
		}
	})
}

func TestAPasswordIsNeverSentWithoutEncryption(t *testing.T) {
	server, trusted := newMailServer(t, func(s *mailServer) { s.tls, s.password = nil, "pass-word" })
	site := settingstest.New(t, server.mails("flags:pass-word@", trusted))
	admin := site.As("admin")
	id := channelAt(t, admin, "On call", "email", "ann@toprent.example")
	admin.Submits(admin.Opens("/alerts/channels/"+id), "/test").Sees("The test did not arrive.", "offers no encryption", "would have failed at once")
	server.mu.Lock()
	defer server.mu.Unlock()
	if heard := strings.Join(server.heard, "\n"); strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
		t.Errorf("the server was told:\n%s", heard)
	}
}

func TestAServerWithAnotherCertificateIsToldNothing(t *testing.T) {
	server, _ := newMailServer(t)
	site := settingstest.New(t, server.mails("flags:pass-word@", nil))
	admin := site.As("admin")
	id := channelAt(t, admin, "On call", "email", "ann@toprent.example")
	admin.Submits(admin.Opens("/alerts/channels/"+id), "/test").Sees("The test did not arrive.", "certificate is not valid")
}

func TestAWrongPasswordIsSaidWithoutThePassword(t *testing.T) {
	var log lines
	server, trusted := newMailServer(t, func(s *mailServer) { s.password = "another" })
	site := settingstest.New(t, server.mails("flags:pass-word@", trusted), func(c *settings.Config) { c.Logger = logTo(&log) })
	admin := site.As("admin")
	id := channelAt(t, admin, "On call", "email", "ann@toprent.example")
	p := admin.Submits(admin.Opens("/alerts/channels/"+id), "/test").Sees("535", "did not accept the user and password")
	refuses(t, "the page", p.Body, []string{"pass-word"})
	refuses(t, "the log", log.text(), []string{"pass-word"})
}

func TestAnAddressThatIsRefusedKeepsNobodyElseFromTheMessage(t *testing.T) {
	server, trusted := newMailServer(t, func(s *mailServer) { s.refuses["gone@toprent.example"] = "550 no such mailbox" })
	site := settingstest.New(t, server.mails("", trusted))
	admin := site.As("admin")
	id := channelAt(t, admin, "On call", "email", "gone@toprent.example, ann@toprent.example")
	admin.Submits(admin.Opens("/alerts/channels/"+id), "/test").Sees("The test was sent.", "It refused gone@toprent.example.")
	server.mu.Lock()
	defer server.mu.Unlock()
	if len(server.messages) != 1 || !slices.Equal(server.receives, []string{"ann@toprent.example"}) {
		t.Errorf("%d messages to %q", len(server.messages), server.receives)
	}
}

func TestAddressesOfMailsCannotCarryHeaders(t *testing.T) {
	server, trusted := newMailServer(t)
	site := settingstest.New(t, server.mails("", trusted))
	admin := site.As("admin")
	for _, address := range []string{"Ann <ann@toprent.example>", "ann@toprent.example\r\nBcc: evil@example.com", "ann@toprent.example>\r\nRCPT TO:<evil@example.com", "nobody"} {
		p := admin.Posts("/alerts/channels/new", "name", "evil", "kind", "email", "target", address).Is(422)
		if p.Find("#target-error").Length() != 1 {
			t.Errorf("%q is not refused beside the field", address)
		}
	}
}

func TestWithoutAMailServerEMailIsNotOffered(t *testing.T) {
	site := settingstest.New(t)
	admin := site.As("admin")
	if p := admin.Opens("/alerts/channels/new").Sees("E-mail is not offered"); p.Find(`option[value="email"]`).Length() != 0 {
		t.Error("e-mail is offered")
	}
	admin.Posts("/alerts/channels/new", "name", "mail", "kind", "email", "target", "ann@toprent.example").Is(422).Sees("no mail server")
}
