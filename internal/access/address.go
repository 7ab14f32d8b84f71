package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Address is where a request comes from: who is connected, unless that is a trusted proxy, which says for whom it asks.
// What others write into X-Forwarded-For means nothing.
func (a *Accounts) Address(r *http.Request) string {
	return addressOf(r, a.options.TrustedProxies)
}

func addressOf(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !isTrusted(host, trusted) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // the last ones were written by the proxies nearest to us
		hop := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			return host
		}
		if host = hop; !isTrusted(hop, trusted) {
			return host
		}
	}
	return host
}

func isTrusted(address string, trusted []netip.Prefix) bool {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, prefix := range trusted {
		if prefix.Contains(parsed.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// ParseProxies reads addresses and networks, separated by commas.
func ParseProxies(text string) (proxies []netip.Prefix, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			address, notAddress := netip.ParseAddr(part)
			if notAddress != nil {
				return nil, fmt.Errorf("%q is no address and no network such as 10.0.0.0/8", part)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

// LocalPath is next if that is a path on this host, and otherwise fallback. A browser reads "//evil" and "/\evil" as
// another host, and drops control characters before it reads.
func LocalPath(next, fallback string) string {
	if len(next) > 2000 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f || r == '\uFFFD' }) {
		return fallback
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\") {
		return fallback
	}
	return next
}
