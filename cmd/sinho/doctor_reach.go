package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"sinho/providers"
)

// certificateLook is how many days before its end a certificate is worth a look.
const certificateLook = 14

// transport reaches providers the way a node does: by the proxy of the
// environment, if there is one.
func (d *doctor) transport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: d.timeout}).DialContext,
		TLSHandshakeTimeout: d.timeout, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.roots, Time: d.now},
	}
}

// behindProxy: a proxy resolves and reaches this host for us.
func behindProxy(host string, secure bool) bool {
	u := &url.URL{Scheme: "http", Host: host}
	if secure {
		u.Scheme = "https"
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	return err == nil && proxy != nil
}

func (d *doctor) dns(ctx context.Context, places []providers.Place) []finding {
	var all []finding
	seen := map[string]bool{}
	list, secure := hosts(places)
	for _, hostport := range list {
		host, _, err := net.SplitHostPort(hostport)
		if err != nil || seen[host] {
			continue
		}
		seen[host] = true
		if behindProxy(hostport, secure[hostport]) {
			all = append(all, finding{"dns", isSkipped, host + ": the proxy looks it up", ""})
			continue
		}
		all = append(all, d.lookUp(ctx, host))
	}
	return all
}

func (d *doctor) lookUp(ctx context.Context, host string) finding {
	if _, err := netip.ParseAddr(host); err == nil {
		return finding{"dns", isFine, host + ": an address by itself", ""}
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	addresses, err := d.resolve(ctx, host)
	switch {
	case ctx.Err() != nil:
		return finding{"dns", isWrong, fmt.Sprintf("%s: no answer within %v", host, d.timeout), "look at this machine's resolver: resolvectl status, /etc/resolv.conf"}
	case err != nil || len(addresses) == 0:
		why := "no address"
		if failed, ok := errors.AsType[*net.DNSError](err); ok {
			why = failed.Err
		} else if err != nil {
			why = err.Error()
		}
		return finding{"dns", isWrong, host + ": " + why, "correct the name in the settings, or look at this machine's resolver"}
	}
	shown := make([]string, min(len(addresses), 3))
	for i := range shown {
		shown[i] = addresses[i].Unmap().String()
	}
	if more := len(addresses) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return finding{"dns", isFine, host + ": " + strings.Join(shown, ", "), ""}
}

func (d *doctor) tls(ctx context.Context, places []providers.Place) []finding {
	var all []finding
	list, secure := hosts(places)
	for _, host := range list {
		switch {
		case !secure[host]:
			all = append(all, finding{"tls", isSkipped, host + ": http, which is for this very machine only", ""})
		case behindProxy(host, true):
			all = append(all, finding{"tls", isSkipped, host + ": reached by the proxy", ""})
		default:
			all = append(all, d.handshake(ctx, host))
		}
	}
	return all
}

// handshake looks at the certificates of host:port.
func (d *doctor) handshake(ctx context.Context, host string) finding {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	name, _, _ := net.SplitHostPort(host)
	dialer := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, RootCAs: d.roots, Time: d.now}}
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		f := d.failure("tls", err)
		f.Detail = host + ": " + f.Detail
		return f
	}
	defer func() { _ = conn.Close() }()         // only looked at
	state := conn.(*tls.Conn).ConnectionState() //nolint:forcetypeassert // what tls.Dialer makes
	first := state.VerifiedChains[0][0]
	for _, c := range state.VerifiedChains[0] {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	days := int(first.NotAfter.Sub(d.now()).Hours() / 24)
	f := finding{
		Check: "tls", State: isFine,
		Detail: fmt.Sprintf("%s: %s, its chain until %s (%s)", host, tls.VersionName(state.Version), first.NotAfter.UTC().Format(time.DateOnly), countOf(days, "day", "days")),
	}
	if days < certificateLook {
		f.State, f.Do = isWorthALook, "ask the provider whether it renews it in time"
	}
	return f
}

// failure words what kept a check from its answer.
func (d *doctor) failure(check string, err error) finding {
	f := finding{Check: check, State: isWrong}
	if f.Detail, f.Do = d.certificate(err); f.Detail != "" {
		if check != "tls" {
			f.Detail, f.Do = "its certificate is not good", "see tls"
		}
		return f
	}
	if _, nameless := errors.AsType[*net.DNSError](err); nameless {
		f.Detail, f.Do = "its name has no address", "see dns"
		return f
	}
	e, ours := errors.AsType[*providers.Error](err)
	switch {
	case isTimeout(err) || ours && e.Code == "timeout":
		f.Detail, f.Do = fmt.Sprintf("no answer within %v", d.timeout), "look at the provider's status page; where others do not answer either, at this machine's way out (firewall, proxy)"
	case ours && e.Class == providers.Throttled:
		f.State, f.Detail, f.Do = isWorthALook, fmt.Sprintf("it is asked too often just now (%s)", e.Code), "try again in some minutes; a quota that is spent is a matter of the contract"
	case ours && e.Class == providers.Configuration && e.Code == "issuer":
		f.Detail, f.Do = plainly(e), "write issuer letter by letter as its metadata has it"
	case ours && e.Class == providers.Configuration:
		f.Detail, f.Do = fmt.Sprintf("it refuses us: %s", plainly(e)), "compare client_id and secret with what is registered there, and the addresses in the settings"
	case ours && e.Seen && e.Code != "connection":
		f.Detail, f.Do = plainly(e), "look at the provider's status page: it fails by itself"
	case ours && e.Code == "connection", !ours:
		f.Detail, f.Do = plainly(err), "look at the provider's status page; where others cannot be reached either, at this machine's way out (firewall, proxy)"
	default:
		f.Detail, f.Do = plainly(e), "ask the provider: it does not answer as agreed"
	}
	return f
}

func isTimeout(err error) bool {
	slow, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && slow.Timeout()
}

// plainly is an error without what stands around it: the provider's name, which
// heads the block, and addresses with our parameters in them.
func plainly(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection broke off"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there (connection refused)"
	}
	if sent, ok := errors.AsType[*url.Error](err); ok {
		return sent.Err.Error()
	}
	if e, ours := errors.AsType[*providers.Error](err); ours && e.Cause != nil {
		return fmt.Sprintf("%v (%s)", e.Cause, e.Code)
	}
	return err.Error()
}

// certificate words what is wrong with one; "" for any other error.
func (d *doctor) certificate(err error) (what, do string) {
	bad, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(bad.UnverifiedCertificates) == 0 {
		return "", ""
	}
	leaf := bad.UnverifiedCertificates[0]
	do = "ask the provider; until then no login there can be trusted"
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		if c := invalid.Cert; c != nil && c.NotBefore.After(d.now()) {
			return fmt.Sprintf("its certificate begins only on %s", c.NotBefore.UTC().Format(time.DateOnly)), "look at this machine's clock first"
		}
		return fmt.Sprintf("its certificate has expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly)), do
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("its certificate is for %s", strings.Join(leaf.DNSNames, ", ")), "correct the address in the settings, or " + do
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("nobody this machine trusts vouches for its certificate (issued by %q)", leaf.Issuer.CommonName),
			"install this machine's list of authorities (ca-certificates); where a proxy opens TLS, trust its authority; else " + do
	}
	return bad.Err.Error(), do
}
