// Package reach carries requests to addresses that somebody else has registered:
// sites that are told of log-outs, endpoints that are told of lights. It judges
// where such a name leads, and nothing else of a request.
package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrInside: a registered name leads to where nobody can be.
var ErrInside = errors.New("the address leads inside, where nobody is to be told anything")

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 §2.1
	// The address by which a cloud tells machines their secrets by IPv6; that of
	// IPv4, 169.254.169.254, is link-local.
	metadata6 = netip.MustParseAddr("fd00:ec2::254")
)

// Client asks such addresses with TLS 1.2 and 1.3, each request within a time, by
// carrier (nil: one whose dials are Guarded). It follows no redirect: whoever
// answers with one would have us ask whom it names.
func Client(carrier http.RoundTripper, within time.Duration) *http.Client {
	if carrier == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = Guarded(nil, within)
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		t.MaxResponseHeaderBytes = 16 << 10
		t.MaxIdleConnsPerHost = 4
		carrier = t
	}
	return &http.Client{
		Transport: carrier, Timeout: within,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Guarded dials as a net.Dialer with this resolver does (nil: the machine's),
// but to no address that May refuses. It is the address that is judged, once the
// name has been resolved: somebody may have their name lead elsewhere each time.
func Guarded(resolver *net.Resolver, within time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("dial: %w", err)
		}
		d := net.Dialer{
			Timeout: within, KeepAlive: 30 * time.Second, Resolver: resolver,
			ControlContext: func(_ context.Context, _, to string, _ syscall.RawConn) error {
				at, err := netip.ParseAddrPort(to)
				if err != nil || !May(host, at.Addr()) {
					return ErrInside
				}
				return nil
			},
		}
		return d.DialContext(ctx, network, address)
	}
}

// May says that a registered host may be at an address. One registered on this
// machine, as the settings allow for trying things out, is there and nowhere
// else. Any other is not on this machine and not on its own wire only. Private
// addresses are fine: those of one house are often reached by them.
func May(host string, to netip.Addr) bool {
	to = to.Unmap().WithZone("")
	if nat64.Contains(to) {
		last := to.As16()
		to = netip.AddrFrom4([4]byte(last[12:]))
	}
	own, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && own.IsLoopback() {
		return to.IsLoopback()
	}
	return !to.IsLoopback() && !to.IsUnspecified() && !to.IsLinkLocalUnicast() && !to.IsMulticast() && to != metadata6
}

// Cause is what kept a request from being answered, without the address, which may
// carry what its owner put into it.
func Cause(err error) string {
	if asked, is := errors.AsType[*url.Error](err); is {
		return asked.Err.Error()
	}
	return err.Error()
}
