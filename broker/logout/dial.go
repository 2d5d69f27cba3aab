package logout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// errInside: a registered name leads to where no site can be.
var errInside = errors.New("the address leads inside, where no site is")

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 §2.1
	// The address by which a cloud tells machines their secrets by IPv6; that of
	// IPv4, 169.254.169.254, is link-local.
	metadata6 = netip.MustParseAddr("fd00:ec2::254")
)

// guarded dials as a net.Dialer with this resolver does (nil: the machine's),
// but to no address that mayLead refuses. It is the address that is judged, once
// the name has been resolved: a site may have its name lead elsewhere each time.
func guarded(resolver *net.Resolver) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("dial site: %w", err)
		}
		d := net.Dialer{
			Timeout: callWait, KeepAlive: 30 * time.Second, Resolver: resolver,
			ControlContext: func(_ context.Context, _, to string, _ syscall.RawConn) error {
				at, err := netip.ParseAddrPort(to)
				if err != nil || !mayLead(host, at.Addr()) {
					return errInside
				}
				return nil
			},
		}
		return d.DialContext(ctx, network, address)
	}
}

// mayLead says that a site may be at an address. One registered on this machine,
// as the settings allow for trying things out, is there and nowhere else. Any
// other is not on this machine and not on its own wire only. Private addresses
// are fine: sites of one house are often reached by them.
func mayLead(host string, to netip.Addr) bool {
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
