package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"

	"sinho/providers/guard"
)

// What a provider is not asked for want of something of this machine's, such as a
// file for its connection while strangers hold them all, says nothing of the provider.

// dialing is how a connection is made.
type dialing func(ctx context.Context, network, address string) (net.Conn, error)

// own is d, and a connection that this machine could not even begin is one that was
// refused by us: its error wraps guard.ErrRefused.
func own(d dialing) dialing {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d(ctx, network, address)
		if err != nil && exhausted(err) {
			return nil, fmt.Errorf("%w: %w", guard.ErrRefused, err)
		}
		return conn, err
	}
}

// exhausted reports whether an error is of a machine that has no more files or
// memory. Of a look-up only its words are left. EADDRNOTAVAIL is not among them: a
// machine without IPv6 has it for every ::1.
func exhausted(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	name, is := errors.AsType[*net.DNSError](err)
	return is && strings.Contains(name.Err, syscall.EMFILE.Error())
}

// unasked is told of requests that were refused by us.
type unasked struct{ base http.RoundTripper }

type unaskedKey struct{}

// noting gives a context for requests by an unasked, and whether one was refused.
func noting(ctx context.Context) (context.Context, *atomic.Bool) {
	refused := new(atomic.Bool)
	return context.WithValue(ctx, unaskedKey{}, refused), refused
}

// RoundTrip implements http.RoundTripper.
func (u unasked) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.base.RoundTrip(req)
	if refused, ok := req.Context().Value(unaskedKey{}).(*atomic.Bool); ok && errors.Is(err, guard.ErrRefused) {
		refused.Store(true)
	}
	return resp, err
}
