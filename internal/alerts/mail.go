package alerts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// Mail is the server that takes e-mail.
type Mail struct {
	// URL names the server and the sender: smtp://user:password@mail.example.com:587/?from=Flags+<flags@example.com>.
	// STARTTLS is used where it is offered, and required where there is a user. smtps:// speaks TLS from the first byte.
	URL string

	// TLS says which certificates are trusted; defaults to those that the machine trusts.
	TLS *tls.Config
}

// mailer sends through one server. The host chose the server, so it may be anywhere.
type mailer struct {
	address, host  string
	user, password string
	implicit       bool // TLS from the first byte
	from           *mail.Address
	tls            *tls.Config
}

// mailTimeout bounds one attempt: servers that look closely at what they take are slow.
const mailTimeout = 30 * time.Second

// newMailer reads where e-mail goes. What it says of a mistake never carries the password.
func newMailer(m Mail) (*mailer, error) {
	if m.URL == "" {
		return nil, nil
	}
	u, err := url.Parse(m.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("the address of the mail server cannot be read: it looks like smtp://user:password@mail.example.com:587/?from=flags@example.com")
	}
	from, err := mail.ParseAddress(u.Query().Get("from"))
	if err != nil || unsafe(from.Name) || !plainAddress(from.Address) {
		return nil, errors.New("the address of the mail server does not say who sends: add ?from=flags@example.com")
	}
	s := &mailer{host: u.Hostname(), implicit: u.Scheme == "smtps", from: from, tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	port := u.Port()
	switch {
	case port != "":
	case s.implicit:
		port = "465"
	default:
		port = "587"
	}
	s.address = net.JoinHostPort(s.host, port)
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
	}
	if m.TLS != nil {
		s.tls = m.TLS.Clone()
	}
	s.tls.ServerName = s.host
	return s, nil
}

// errNoTLS says that a password would have gone over the wire for all to read.
var errNoTLS = errors.New("the mail server offers no encryption, so the password was not sent")

// send sends a message to everybody on the list. Addresses that the server refuses are named in the result; the others
// get the message.
func (s *mailer) send(ctx context.Context, to []string, message []byte) Result {
	began := time.Now()
	refused, err := s.try(ctx, to, message)
	result := Result{OK: err == nil, Took: time.Since(began), Words: "The mail server took it."}
	if err != nil {
		result = explainMail(err)
		result.Took = time.Since(began)
	}
	if len(refused) > 0 {
		result.Words += " It refused " + strings.Join(refused, ", ") + "."
	}
	return result
}

func (s *mailer) try(ctx context.Context, to []string, message []byte) (refused []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	client, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := client.Mail(s.from.Address); err != nil {
		return nil, err
	}
	var no error
	for _, address := range to {
		if err := client.Rcpt(address); err != nil {
			no = err
			refused = append(refused, address)
		}
	}
	if len(refused) == len(to) {
		return refused, no
	}
	w, err := client.Data()
	if err != nil {
		return refused, err
	}
	if _, err = w.Write(message); err == nil {
		err = w.Close()
	}
	if err != nil {
		return refused, err
	}
	_ = client.Quit() // the message is theirs already
	return refused, nil
}

// connect greets the server, turns on encryption, and signs in.
func (s *mailer) connect(ctx context.Context) (*smtp.Client, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	_ = stop // ends with ctx, which the caller ends
	if s.implicit {
		conn = tls.Client(conn, s.tls)
	}
	client, err := smtp.NewClient(conn, s.host)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := s.greet(client); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

func (s *mailer) greet(client *smtp.Client) error {
	if err := client.Hello("localhost"); err != nil {
		return err
	}
	offered, _ := client.Extension("STARTTLS")
	if offered && !s.implicit {
		if err := client.StartTLS(s.tls); err != nil {
			return err
		}
	}
	if s.user == "" {
		return nil
	}
	if _, encrypted := client.TLSConnectionState(); !encrypted {
		return errNoTLS
	}
	return client.Auth(smtp.PlainAuth("", s.user, s.password, s.host))
}

// explainMail says what became of a message that was not taken. The server's own words stay out of it: some repeat what
// was sent.
func explainMail(err error) Result {
	var refused *textproto.Error
	switch {
	case errors.Is(err, errNoTLS):
		return Result{Words: "The mail server offers no encryption, so the password was not sent, and neither was the message. Ask whoever runs this server."}
	case errors.As(err, &refused) && (refused.Code == 530 || refused.Code >= 534 && refused.Code <= 538):
		return Result{Status: refused.Code, Words: "The mail server did not accept the user and password of this server's configuration."}
	case errors.As(err, &refused) && refused.Code >= 500:
		return Result{Status: refused.Code, Words: "The mail server refused the message or its receivers for good."}
	case errors.As(err, &refused):
		return Result{Status: refused.Code, Again: true, Words: "The mail server cannot take the message now."}
	}
	result := explainError(err)
	result.Words = strings.NewReplacer("receiver", "mail server", fmt.Sprint(sendTimeout), fmt.Sprint(mailTimeout)).Replace(result.Words)
	return result
}
