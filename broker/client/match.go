package client

import "strings"

// loopbacks are the hosts that are the person's own device, as written in a
// URI. Other spellings (127.1, [0:0:0:0:0:0:0:1]) are not taken.
var loopbacks = [...]string{"127.0.0.1", "[::1]", "localhost"}

// AllowsRedirect tells whether uri is registered: byte for byte (RFC 9700
// §4.1.3). A Native client's loopback URI matches on any port or none, all else
// the same (RFC 8252 §7.3). Nothing is parsed, decoded or normalised, so there
// is no second reading to exploit.
func (c Client) AllowsRedirect(uri string) bool { return c.allows(c.RedirectURIs, uri) }

// AllowsPostLogout is AllowsRedirect for PostLogoutURIs (RP-Initiated Logout
// §3).
func (c Client) AllowsPostLogout(uri string) bool { return c.allows(c.PostLogoutURIs, uri) }

func (c Client) allows(registered []string, uri string) bool {
	for _, r := range registered {
		if r == uri && r != "" {
			return true
		}
		if c.Native && sameButPort(r, uri) {
			return true
		}
	}
	return false
}

// sameButPort compares two loopback URIs apart from their ports.
func sameButPort(registered, uri string) bool {
	host, rest, ok := loopback(registered)
	if !ok {
		return false
	}
	host2, rest2, ok := loopback(uri)
	return ok && host == host2 && rest == rest2
}

// loopback splits http://host[:port]rest, where host is one of loopbacks, port
// is 1 to 65535 in plain decimal and rest is empty or begins a path or query.
func loopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	for _, h := range loopbacks {
		rest, ok := strings.CutPrefix(after, h)
		if !ok {
			continue
		}
		if port, ok := strings.CutPrefix(rest, ":"); ok {
			n := 0
			for n < len(port) && '0' <= port[n] && port[n] <= '9' {
				n++
			}
			if !validPort(port[:n]) {
				return "", "", false
			}
			rest = port[n:]
		}
		if rest != "" && rest[0] != '/' && rest[0] != '?' {
			return "", "", false
		}
		return h, rest, true
	}
	return "", "", false
}

// validPort takes 1 to 65535 without leading zeros.
func validPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}
