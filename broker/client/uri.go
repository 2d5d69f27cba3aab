package client

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxURI bounds a registered URI in bytes: a request carries one, sealed.
const maxURI = 512

// What the broker itself adds to a URI it answers at; a registered query that
// already has one of these would leave the site with two.
var (
	redirectReserved = []string{
		"code", "state", "iss", "error", "error_description", "error_uri", "response",
		"id_token", "access_token", "token_type", "expires_in", "session_state", "scope",
	}
	postLogoutReserved = []string{"state"}
	startReserved      = []string{"iss", "login_hint", "target_link_uri"}
)

// checkURI takes an absolute URI that has one reading only: https, http on a
// loopback host or, for native, a private-use scheme (RFC 8252 §7.1). It
// returns the host, or "" when the URI has none of its own.
func checkURI(raw string, native bool, reserved []string) (host string, err error) {
	if raw == "" {
		return "", errors.New("is empty")
	}
	if len(raw) > maxURI {
		return "", fmt.Errorf("has %d bytes, at most %d", len(raw), maxURI)
	}
	if err := checkCharacters(raw); err != nil {
		return "", err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("is not a URI")
	}
	scheme, _, _ := strings.Cut(raw, ":")
	switch {
	case u.Scheme == "":
		return "", errors.New("is not absolute")
	case scheme != u.Scheme:
		return "", errors.New("has a scheme that is not in lower case")
	case u.Opaque != "":
		return "", errors.New("needs a / behind the scheme")
	case u.User != nil:
		return "", errors.New("has user information before its host")
	}
	if err := checkPath(u); err != nil {
		return "", err
	}
	if err := checkQuery(u, reserved); err != nil {
		return "", err
	}

	switch u.Scheme {
	case "https":
		return checkAuthority(u)
	case "http":
		host, err := checkAuthority(u)
		if err != nil {
			return "", err
		}
		if !isLoopback(u.Host) {
			return "", errors.New("must be https: http is for 127.0.0.1, [::1] and localhost")
		}
		return host, nil
	}
	if !native {
		return "", errors.New("must be https, or http on a loopback host")
	}
	if !strings.Contains(u.Scheme, ".") {
		return "", errors.New("needs a private-use scheme in reverse domain order, as in com.example.app:/callback")
	}
	if u.Host == "" && u.Path == "" {
		return "", errors.New("has no path")
	}
	if u.Host != "" {
		if _, err := checkAuthority(u); err != nil {
			return "", err
		}
	}
	return "", nil
}

// checkCharacters takes RFC 3986 only, without fragment and wildcard, and with
// nothing hidden in percent signs that would end a line.
func checkCharacters(raw string) error {
	for i := range len(raw) {
		c := raw[i]
		switch {
		case c == '#':
			return errors.New("has a fragment")
		case c == '*':
			return errors.New("has a wildcard: each URI is registered by itself")
		case c == '%':
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				return errors.New("has a % that encodes nothing")
			}
			if raw[i+1] < '2' || raw[i+1] == '7' && (raw[i+2]|0x20) == 'f' {
				return errors.New("has an encoded control character")
			}
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~:/?[]@!$&'()+,;=", c) >= 0:
		default:
			return fmt.Errorf("has the character %q, which no URI has", c)
		}
	}
	return nil
}

// checkPath refuses what browsers, servers and proxies read differently.
func checkPath(u *url.URL) error {
	path := strings.ToLower(u.EscapedPath())
	if strings.Contains(path, "%2f") || strings.Contains(path, "%5c") {
		return errors.New("has an encoded slash in its path")
	}
	if strings.Contains(path, "%25") {
		return errors.New("has a doubly encoded character in its path")
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, "%2e", "."), "/") {
		if segment == "." || segment == ".." {
			return errors.New("has a . or .. segment in its path")
		}
	}
	return nil
}

func checkQuery(u *url.URL, reserved []string) error {
	if u.ForceQuery {
		return errors.New("has a ? with nothing behind it")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("has a query that cannot be read")
	}
	for _, name := range reserved {
		if query.Has(name) {
			return fmt.Errorf("has the parameter %s, which answers carry", name)
		}
	}
	return nil
}

// checkAuthority takes host or host:port with one spelling.
func checkAuthority(u *url.URL) (host string, err error) {
	host = u.Hostname()
	if host == "" {
		return "", errors.New("has no host")
	}
	if err := checkHost(host); err != nil {
		return "", err
	}
	want := host
	if strings.Contains(host, ":") {
		want = "[" + host + "]"
	}
	if port, ok := strings.CutPrefix(u.Host, want+":"); ok {
		if !validPort(port) {
			return "", errors.New("has a port that is not 1 to 65535")
		}
	} else if u.Host != want {
		return "", errors.New("has a host that cannot be read")
	}
	return host, nil
}

// checkHost takes a host name in lower-case ASCII (RFC 1123 §2.1) or an IP
// address in its canonical spelling, without brackets.
func checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" || ip.String() != host {
			return fmt.Errorf("has the address %s in another spelling than %s", host, ip.WithZone(""))
		}
		return nil
	}
	if len(host) > 253 {
		return errors.New("has a host of more than 253 characters")
	}
	if host != strings.ToLower(host) {
		return errors.New("has a host that is not in lower case")
	}
	if strings.HasSuffix(host, ".") {
		return errors.New("has a host that ends in a dot")
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return fmt.Errorf("has the host %q, which is no host name", host)
		}
	}
	// 127.1, 0x7f.1 and 2130706433 are addresses to a browser (WHATWG URL §3.5).
	last := labels[len(labels)-1]
	if isNumber(last) {
		return fmt.Errorf("has the host %q, an address in another spelling", host)
	}
	return nil
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// isNumber: all digits, or 0x and hexadecimal digits.
func isNumber(s string) bool {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(s, "0123456789") == ""
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isLoopback(hostport string) bool {
	return slices.ContainsFunc(loopbacks[:], func(h string) bool {
		return hostport == h || strings.HasPrefix(hostport, h+":")
	})
}
