package logout

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"sinho/reach"
)

// Attack: SSRF through back-channel URIs (CVE-2021-26715 and its like). A site
// that answers with a redirect would have us ask whom it names.
func TestAttackSSRFThroughARedirectedLogout(t *testing.T) {
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		w := newWorld(t, http.StatusOK)
		site := httptest.NewServer(http.RedirectHandler(inside.URL+"/admin", status))
		defer site.Close()
		w.cfg.Site = func(string) (string, string, bool) { return site.URL, "ES256", true }
		w.tell(t, "booking", "sid")
		w.run(t, 1)
		if got := w.told()[0]; got != "booking retry" {
			t.Errorf("%d: got %s, want retry", status, got)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("got %d requests to where a redirect led, want none", n)
	}
}

// Attack: a site's name that leads inside: to this machine, to what is next to
// it only, to the addresses by which clouds tell secrets. Judged when dialled,
// by the address itself: the name may lead elsewhere each time.
func TestAttackSSRFThroughANameThatLeadsInside(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "0.0.0.0": false, "::": false, "169.254.169.254": false, "fe80::1": false,
		"224.0.0.1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "fd00:ec2::254": false,
		"64:ff9b::7f00:1": false, "203.0.113.7": true, "10.1.2.3": true, "2001:db8::1": true,
	} {
		if got := reach.May("site.example", netip.MustParseAddr(address)); got != want {
			t.Errorf("a name that leads to %s: got %v, want %v", address, got, want)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::1"} { // as registered, for one machine
		if !reach.May(host, netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("%s may not lead to this machine", host)
		}
		if reach.May(host, netip.MustParseAddr("169.254.169.254")) {
			t.Errorf("%s may lead away from it", host)
		}
	}

	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(inside.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, http.StatusOK)
	w.cfg.Site = func(string) (string, string, bool) { return "http://site.example:" + port, "ES256", true }
	carrier, is := w.http.Transport.(*http.Transport)
	if !is {
		t.Fatalf("got a transport %T", w.http.Transport)
	}
	carrier.Proxy, carrier.DialContext = nil, reach.Guarded(leadingTo([4]byte{127, 0, 0, 1}), callWait)
	w.tell(t, "booking", "sid")
	w.run(t, 1)
	if n := asked.Load(); n != 0 || w.told()[0] != "booking retry" {
		t.Errorf("got %d requests to this machine and %v, want none and a retry", n, w.told())
	}
	// The name does lead there: without the judgement it would have been asked.
	d := net.Dialer{Resolver: leadingTo([4]byte{127, 0, 0, 1})}
	conn, err := d.DialContext(t.Context(), "tcp", "site.example:"+port)
	if err != nil {
		t.Fatalf("the test sees nothing: %v", err)
	}
	conn.Close()
}

// The transport that deliveries have by themselves is the guarded one.
func TestAttackSSRFByTheTransportThatIsUsed(t *testing.T) {
	w := newWorld(t, http.StatusOK)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://169.254.169.254/latest/meta-data/", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.http.Transport.(*http.Transport).Proxy = nil
	resp, err := w.http.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, reach.ErrInside) {
		t.Errorf("got %v, want it refused before it is dialled", err)
	}
}

// leadingTo is a resolver to which every name leads to one address.
func leadingTo(address [4]byte) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		own, other := net.Pipe()
		go answerNames(other, address)
		return own, nil
	}}
}

// answerNames is a name server on a stream (RFC 1035 §4.2.2).
func answerNames(conn net.Conn, address [4]byte) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		raw := make([]byte, binary.BigEndian.Uint16(size[:]))
		var asked dnsmessage.Message
		if _, err := io.ReadFull(conn, raw); err != nil || asked.Unpack(raw) != nil {
			return
		}
		answer := dnsmessage.Message{Header: dnsmessage.Header{ID: asked.ID, Response: true, RecursionAvailable: true}, Questions: asked.Questions}
		if q := asked.Questions[0]; q.Type == dnsmessage.TypeA {
			answer.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: address},
			}}
		}
		raw, err := answer.Pack()
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...)); err != nil {
			return
		}
	}
}
