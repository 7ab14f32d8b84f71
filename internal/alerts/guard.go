package alerts

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// sendTimeout bounds one attempt.
const sendTimeout = 10 * time.Second

// errPort says that a webhook asks for a port that belongs to something else.
var errPort = errors.New("port not allowed")

// inside are the networks in which receivers may be if the host allows it. The link-local ones are not among them: that
// is where clouds keep the keys of their machines.
var (
	inside4 = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10")}
	inside6 = []netip.Prefix{netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7")}
)

// keepers are addresses at which clouds tell a machine its keys, though they are neither link-local nor reserved: Alibaba's,
// Amazon's and Google's by IPv6, and Azure's. No host's receivers are there.
var keepers = []netip.Addr{netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"), netip.MustParseAddr("168.63.129.16")}

// guard says which addresses may be dialled. It is asked about the address itself, after names were looked up, so a name
// that changes its mind changes nothing.
func guard(private bool) func(network, address string, _ syscall.RawConn) error {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if private {
		options = append(options, ssrf.WithAllowedV4Prefixes(inside4...), ssrf.WithAllowedV6Prefixes(inside6...))
	}
	guardian := ssrf.New(options...)
	return func(network, address string, conn syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return ssrf.ErrInvalidHostPort
		}
		if !portAllowed(to.Port()) {
			return errPort
		}
		if slices.Contains(keepers, to.Addr().Unmap().WithZone("")) {
			return ssrf.ErrProhibitedIP
		}
		return guardian.Safe(network, address, conn)
	}
}

// portAllowed leaves out what is no receiver of webhooks: the well-known ports but those of the web.
func portAllowed(port uint16) bool { return port == 80 || port == 443 || port >= 1024 }

// newClient makes the one client that talks to receivers: guarded, through no proxy, following no redirect, never
// waiting long, reading little.
func newClient(private bool, resolver *net.Resolver) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Resolver: resolver, Control: guard(private)}
	return &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  sendTimeout,
			MaxResponseHeaderBytes: 16 << 10,
			DisableKeepAlives:      true, // receivers hear of something now and then
			ForceAttemptHTTP2:      true,
		},
	}
}

// checkWebhookURL refuses, in words for people, an address that could never be sent to. What a name stands for is
// looked at when it is dialled.
func checkWebhookURL(text string, private bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "This is no address. It looks like https://hooks.example.com/services/…"
	case u.Scheme != "https" && !(private && u.Scheme == "http"):
		return "The address must begin with https://, so that nobody can read along."
	case u.User != nil:
		return "Leave out the user and password before the @: they would be shown in logs on the way."
	case u.Fragment != "":
		return "Leave out what follows the #: it is never sent."
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || !portAllowed(uint16(n)) {
			return "Port " + port + " is not allowed: use 443, 80 or one from 1024 on."
		}
	}
	return checkHost(u.Hostname(), private)
}

func checkHost(host string, private bool) string {
	const unclear = "Write the host as a name, such as hooks.example.com."
	if address, err := netip.ParseAddr(host); err == nil {
		if guard(private)("tcp"+version(address), netip.AddrPortFrom(address, 443).String(), nil) != nil {
			return "This address is inside a private network, or reserved. Alerts go to public addresses only."
		}
		return ""
	}
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	if last = strings.TrimSuffix(last, "."); last == "" || last[0] >= '0' && last[0] <= '9' {
		return unclear // other spellings of an IP address: 2130706433, 0x7f.1, 0177.0.0.1
	}
	if !private && (!strings.Contains(strings.TrimSuffix(host, "."), ".") || last == "localhost") {
		return unclear
	}
	return ""
}

func version(address netip.Addr) string {
	if address.Is4() {
		return "4"
	}
	return "6"
}
