package alerts

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestTheGuardDialsPublicAddressesOnly(t *testing.T) {
	dial := guard(false)
	for _, address := range []string{
		"127.0.0.1:443", "127.8.9.1:443", "10.0.0.1:443", "172.31.255.255:443", "192.168.0.1:443", "169.254.169.254:443", "100.100.0.1:443", "0.0.0.0:443",
		"224.0.0.1:443", "255.255.255.255:443", "192.0.2.1:443", "198.18.0.1:443", "[::1]:443", "[::]:443", "[fe80::1]:443", "[fc00::1]:443", "[fd12::1]:443",
		"[::ffff:127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "[64:ff9b::a00:1]:443", "[2002:7f00:1::]:443", "[2001::1]:443", "[ff02::1]:443",
		"93.184.216.34:22", "93.184.216.34:25", "93.184.216.34:0", "93.184.216.34:1023",
	} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		if dial(network, address, nil) == nil {
			t.Errorf("%s may be dialled", address)
		}
	}
	for _, address := range []string{"93.184.216.34:443", "93.184.216.34:80", "93.184.216.34:8443"} {
		if err := dial("tcp4", address, nil); err != nil {
			t.Errorf("%s may not be dialled: %v", address, err)
		}
	}
	if dial("udp4", "93.184.216.34:443", nil) == nil {
		t.Error("UDP may be dialled")
	}
}

func TestWhereReceiversAreInsideTheLinkLocalOnesStayShut(t *testing.T) {
	dial := guard(true)
	if err := dial("tcp4", "10.0.0.1:8080", nil); err != nil {
		t.Error(err)
	}
	for _, address := range []string{"169.254.169.254:80", "0.0.0.0:80", "224.0.0.1:80"} {
		if dial("tcp4", address, nil) == nil {
			t.Errorf("%s may be dialled", address)
		}
	}
}

// nameServer answers with the addresses in turn; the last one stays.
func nameServer(t *testing.T, asked *atomic.Int32, addresses ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buffer[:n]) != nil || len(query.Questions) == 0 {
				continue
			}
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true}, Questions: query.Questions}
			if q := query.Questions[0]; q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(addresses)) - 1
				answer.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body: &dnsmessage.AResource{A: netip.MustParseAddr(addresses[i]).As4()}}}
			}
			packed, err := answer.Pack()
			if err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestANameThatTurnsPrivateIsRefusedWhenDialled(t *testing.T) {
	var reached atomic.Bool
	inner := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer inner.Close()
	_, port, _ := net.SplitHostPort(inner.Listener.Addr().String())
	var asked atomic.Int32
	resolver := nameServer(t, &asked, "93.184.216.34", "127.0.0.1")
	address := "https://rebinding.example.com:" + port + "/"
	if wrong := checkWebhookURL(address, false); wrong != "" {
		t.Fatal(wrong)
	}
	// Somebody who looks the name up first, and believes it, sees a public address.
	if found, err := resolver.LookupNetIP(t.Context(), "ip4", "rebinding.example.com"); err != nil || found[0].String() != "93.184.216.34" {
		t.Fatalf("%v, %v", found, err)
	}
	result := newPoster(false, resolver).send(t.Context(), address, []byte("{}"), nil)
	if result.OK || result.Again || !strings.Contains(result.Words, "inside a private network") {
		t.Errorf("the result is %+v", result)
	}
	if reached.Load() {
		t.Error("the private address was reached")
	}
}

func TestWhatIsSaidOfAFailureCarriesNoAddress(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	result := newPoster(true, nil).send(t.Context(), closed.URL+"/secret-path", []byte("{}"), nil)
	if result.OK || !result.Again || strings.Contains(result.String(), "secret-path") || strings.Contains(result.String(), "127.0.0.1") {
		t.Errorf("the result is %+v", result)
	}
}

func TestWhereCloudsKeepKeysIsNeverDialled(t *testing.T) {
	for _, private := range []bool{false, true} {
		for _, host := range []string{"169.254.169.254", "100.100.100.200", "168.63.129.16", "[fd00:ec2::254]", "[fd20:ce::254]", "[::ffff:168.63.129.16]", "[fe80::a9fe:a9fe]"} {
			if checkWebhookURL("https://"+host+"/latest/", private) == "" {
				t.Errorf("%s may be sent to (private: %v)", host, private)
			}
			if guard(private)("tcp", host+":443", nil) == nil {
				t.Errorf("%s may be dialled (private: %v)", host, private)
			}
		}
	}
}
