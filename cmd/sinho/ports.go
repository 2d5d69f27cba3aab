package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// place is one listener of the demo: who stands there, and its port as an
// offset from --base-port.
type place struct {
	name   string
	offset int
}

// maxOffset is the highest offset any place uses.
const maxOffset = 14

// bind listens on both loopback addresses of localhost, so that nobody else
// can answer for it on one of them. IPv6 may be absent.
func bind(ctx context.Context, p place, base int) ([]net.Listener, error) {
	port := base + p.offset
	var lc net.ListenConfig
	v4, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, bindError(p, port, err)
	}
	v6, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(port)))
	switch {
	case err == nil:
		return []net.Listener{v4, v6}, nil
	case errors.Is(err, syscall.EADDRINUSE):
		v4.Close()
		return nil, bindError(p, port, err)
	default: // no IPv6 on this machine
		return []net.Listener{v4}, nil
	}
}

func bindError(p place, port int, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d, wanted for the %s, is taken by another program; end that one or choose other ports with --base-port", port, p.name)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d, wanted for the %s, needs more rights than you have; choose ports above 1023 with --base-port", port, p.name)
	default:
		return fmt.Errorf("listen on port %d for the %s: %w", port, p.name, err)
	}
}

// checkBase says whether every place fits into the range of ports.
func checkBase(base int) error {
	if base < 1 || base+maxOffset > 65535 {
		return fmt.Errorf("--base-port %d: ports %d to %d are used, so it must be from 1 to %d", base, base, base+maxOffset, 65535-maxOffset)
	}
	return nil
}
