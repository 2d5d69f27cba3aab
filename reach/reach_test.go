package reach

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
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Attack: a registered name that leads inside: to this machine, to what is next to
// it only, to the addresses by which clouds tell secrets. Judged when dialled,
// by the address itself: the name may lead elsewhere each time.
func TestAttackSSRFThroughANameThatLeadsInside(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "0.0.0.0": false, "::": false, "169.254.169.254": false, "fe80::1": false,
		"224.0.0.1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "fd00:ec2::254": false,
		"64:ff9b::7f00:1": false, "203.0.113.7": true, "10.1.2.3": true, "2001:db8::1": true,
	} {
		if got := May("site.example", netip.MustParseAddr(address)); got != want {
			t.Errorf("a name that leads to %s: got %v, want %v", address, got, want)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::1"} { // as registered, for one machine
		if !May(host, netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("%s may not lead to this machine", host)
		}
		if May(host, netip.MustParseAddr("169.254.169.254")) {
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
	away := leadingTo([4]byte{127, 0, 0, 1})
	client := Client(&http.Transport{DialContext: Guarded(away, time.Minute)}, time.Minute)
	if err := ask(t, client, "http://site.example:"+port); !errors.Is(err, ErrInside) || asked.Load() != 0 {
		t.Errorf("got %v and %d requests to this machine, want it refused", err, asked.Load())
	}
	// The name does lead there: without the judgement it would have been asked.
	d := net.Dialer{Resolver: away}
	conn, err := d.DialContext(t.Context(), "tcp", "site.example:"+port)
	if err != nil {
		t.Fatalf("the test sees nothing: %v", err)
	}
	conn.Close()
	if err := ask(t, client, inside.URL); err != nil || asked.Load() != 1 {
		t.Errorf("an address as it is registered: got %v and %d requests, want it asked", err, asked.Load())
	}
}

func ask(t *testing.T, client *http.Client, address string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
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
