package client

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

const cb = "https://shop.example.kr/oidc/callback"

// Attack: redirect URI by parameter pollution, userinfo@, case, trailing dot,
// encoded slash, wildcard, loopback port, double decoding (CVE-2026-9689,
// CVE-2023-6291, CVE-2024-8883, CVE-2024-52289). And post-logout redirect the
// same way.
func TestAttackRedirectURI(t *testing.T) {
	web := Client{RedirectURIs: []string{cb, "https://shop.example.kr/cb?shop=1", "http://127.0.0.1:8081/callback", "http://localhost/cb"}}
	native := Client{Native: true, RedirectURIs: []string{
		cb, "http://127.0.0.1/callback", "http://[::1]:4000/callback?x=1", "http://localhost", "com.example.app:/callback",
	}}
	for _, tc := range []struct {
		name   string
		client Client
		uri    string
		want   bool
	}{
		{"the registered one", web, cb, true},
		{"another registered one, with its query", web, "https://shop.example.kr/cb?shop=1", true},
		{"a registered loopback", web, "http://127.0.0.1:8081/callback", true},
		{"nothing", web, "", false},
		{"of a client without any", Client{}, cb, false},
		{"nothing, of a client without any", Client{}, "", false},
		{"nothing, of a client that registered nothing", Client{RedirectURIs: []string{""}}, "", false},

		{"parameter pollution: a query added", web, cb + "?x=1", false},
		{"parameter pollution: an empty query added", web, cb + "?", false},
		{"parameter pollution: a second redirect_uri", web, cb + "&redirect_uri=https://evil.example", false},
		{"parameter pollution: a response parameter", web, cb + "?code=stolen", false},
		{"parameter pollution: the query repeated", web, "https://shop.example.kr/cb?shop=1&shop=2", false},
		{"parameter pollution: the query in another order", web, "https://shop.example.kr/cb?a=1&shop=1", false},
		{"parameter pollution: the query left out", web, "https://shop.example.kr/cb", false},
		{"parameter pollution: a semicolon", web, cb + ";x=1", false},

		{"userinfo@: ours before theirs", web, "https://shop.example.kr@evil.example/oidc/callback", false},
		{"userinfo@: theirs before ours", web, "https://evil.example@shop.example.kr/oidc/callback", false},
		{"userinfo@: with a password", web, "https://shop.example.kr:443@evil.example/", false},
		{"userinfo@: encoded", web, "https://shop.example.kr%40evil.example/oidc/callback", false},
		{"userinfo@: behind a backslash", web, `https://evil.example\@shop.example.kr/oidc/callback`, false},

		{"case: of the scheme", web, "HTTPS://shop.example.kr/oidc/callback", false},
		{"case: of the host", web, "https://Shop.example.kr/oidc/callback", false},
		{"case: of the path", web, "https://shop.example.kr/oidc/Callback", false},
		{"case: a letter that folds to ours", web, "https://ſhop.example.kr/oidc/callback", false},

		{"trailing dot: of the host", web, "https://shop.example.kr./oidc/callback", false},
		{"trailing dot: a longer host", web, "https://shop.example.kr.evil.example/oidc/callback", false},
		{"trailing dot: an ideographic one", web, "https://shop.example.kr。/oidc/callback", false},

		{"encoded slash: in the path", web, "https://shop.example.kr/oidc%2Fcallback", false},
		{"encoded slash: a step up", web, "https://shop.example.kr/oidc/callback/..%2Fadmin", false},
		{"encoded slash: a backslash", web, "https://shop.example.kr/oidc%5Ccallback", false},
		{"encoded slash: a real backslash", web, `https://shop.example.kr\oidc\callback`, false},

		{"wildcard: a subdomain", web, "https://evil.shop.example.kr/oidc/callback", false},
		{"wildcard: a longer path", web, cb + "/evil", false},
		{"wildcard: a trailing slash", web, cb + "/", false},
		{"wildcard: a prefix of ours", web, "https://shop.example.kr/", false},
		{"wildcard: the host alone", web, "https://shop.example.kr", false},
		{"wildcard: a star", web, "https://*.example.kr/oidc/callback", false},
		{"wildcard: registered by hand", Client{RedirectURIs: []string{"https://shop.example.kr/*"}}, cb, false},
		{"wildcard: steps up and back", web, "https://shop.example.kr/x/../oidc/callback", false},
		{"wildcard: steps written in percent", web, "https://shop.example.kr/x/%2e%2e/oidc/callback", false},
		{"wildcard: doubled slashes", web, "https://shop.example.kr//oidc/callback", false},

		{"double decoding: once", web, "https://shop.example.kr/oidc/%63allback", false},
		{"double decoding: twice", web, "https://shop.example.kr/oidc/%2563allback", false},
		{"double decoding: all of it", web, url.QueryEscape(cb), false},
		{"double decoding: a plus", web, cb + "+", false},

		{"another scheme", web, "http://shop.example.kr/oidc/callback", false},
		{"without a scheme", web, "//shop.example.kr/oidc/callback", false},
		{"a script", web, "javascript:alert(1)//https://shop.example.kr/oidc/callback", false},
		{"data", web, "data:text/html,https://shop.example.kr/oidc/callback", false},
		{"the default port spelled out", web, "https://shop.example.kr:443/oidc/callback", false},
		{"another port", web, "https://shop.example.kr:8443/oidc/callback", false},
		{"a fragment", web, cb + "#x", false},
		{"an empty fragment", web, cb + "#", false},
		{"a space before", web, " " + cb, false},
		{"a space behind", web, cb + " ", false},
		{"a line break behind", web, cb + "\r\nLocation: https://evil.example", false},
		{"a zero byte behind", web, cb + "\x00", false},
		{"a tab inside", web, "https://shop.example.kr/oidc/call\tback", false},
		{"a megabyte of it", web, cb + strings.Repeat("a", 1<<20), false},

		{"loopback port: of a client that is not native", web, "http://127.0.0.1:8082/callback", false},
		{"loopback port: added for one that is not native", web, "http://localhost:1/cb", false},
		{"loopback port: any for a native client", native, "http://127.0.0.1:51004/callback", true},
		{"loopback port: none", native, "http://127.0.0.1/callback", true},
		{"loopback port: the lowest", native, "http://127.0.0.1:1/callback", true},
		{"loopback port: the highest", native, "http://127.0.0.1:65535/callback", true},
		{"loopback port: of IPv6, with the query", native, "http://[::1]:51004/callback?x=1", true},
		{"loopback port: left out where one is registered", native, "http://[::1]/callback?x=1", true},
		{"loopback port: of localhost without a path", native, "http://localhost:51004", true},
		{"loopback port: zero", native, "http://127.0.0.1:0/callback", false},
		{"loopback port: with a leading zero", native, "http://127.0.0.1:080/callback", false},
		{"loopback port: too high", native, "http://127.0.0.1:65536/callback", false},
		{"loopback port: far too high", native, "http://127.0.0.1:100000000000/callback", false},
		{"loopback port: empty", native, "http://127.0.0.1:/callback", false},
		{"loopback port: signed", native, "http://127.0.0.1:+80/callback", false},
		{"loopback port: not decimal", native, "http://127.0.0.1:0x50/callback", false},
		{"loopback port: in other digits", native, "http://127.0.0.1:８０/callback", false},
		{"loopback port: two of them", native, "http://127.0.0.1:80:80/callback", false},
		{"loopback port: before userinfo@", native, "http://127.0.0.1:80@evil.example/callback", false},
		{"loopback port: before another host", native, "http://127.0.0.1:80.evil.example/callback", false},
		{"loopback port: before a backslash", native, `http://127.0.0.1:80\@evil.example/callback`, false},
		{"loopback port: before a percent", native, "http://127.0.0.1:80%2Fcallback", false},
		{"loopback port: another path", native, "http://127.0.0.1:80/callback/", false},
		{"loopback port: another query", native, "http://127.0.0.1:80/callback?x=1", false},
		{"loopback port: a fragment", native, "http://127.0.0.1:80/callback#", false},
		{"loopback port: a longer host", native, "http://127.0.0.1.evil.example/callback", false},
		{"loopback port: a longer name", native, "http://localhost.evil.example", false},
		{"loopback port: a longer number", native, "http://127.0.0.10/callback", false},
		{"loopback port: another loopback host", native, "http://localhost:80/callback", false},
		{"loopback port: localhost with a path", native, "http://localhost:80/", false},
		{"loopback port: localhost in another case", native, "http://LocalHost:80", false},
		{"loopback port: localhost with a dot", native, "http://localhost.:80", false},
		{"loopback port: another address of the loopback net", native, "http://127.0.0.2:80/callback", false},
		{"loopback port: a short address", native, "http://127.1:80/callback", false},
		{"loopback port: a decimal address", native, "http://2130706433:80/callback", false},
		{"loopback port: a long IPv6 address", native, "http://[0:0:0:0:0:0:0:1]:80/callback?x=1", false},
		{"loopback port: an IPv6 zone", native, "http://[::1%25lo]:80/callback?x=1", false},
		{"loopback port: IPv4 in IPv6", native, "http://[::ffff:127.0.0.1]:80/callback", false},
		{"loopback port: over https", native, "https://127.0.0.1:80/callback", false},
		{"loopback port: scheme in another case", native, "HTTP://127.0.0.1:80/callback", false},
		{"loopback port: of a host that is not loopback", native, "https://shop.example.kr:444/oidc/callback", false},

		{"private-use scheme", native, "com.example.app:/callback", true},
		{"private-use scheme with an authority", native, "com.example.app://callback", false},
		{"private-use scheme in another case", native, "com.example.App:/callback", false},
		{"private-use scheme, longer", native, "com.example.app:/callback?x", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.client.AllowsRedirect(tc.uri); got != tc.want {
				t.Errorf("AllowsRedirect(%.200q): got %v, want %v", tc.uri, got, tc.want)
			}
			logout := tc.client
			logout.RedirectURIs, logout.PostLogoutURIs = nil, tc.client.RedirectURIs
			if got := logout.AllowsPostLogout(tc.uri); got != tc.want {
				t.Errorf("AllowsPostLogout(%.200q): got %v, want %v", tc.uri, got, tc.want)
			}
			if logout.AllowsRedirect(tc.uri) {
				t.Errorf("AllowsRedirect(%.200q): got true for a post-logout URI", tc.uri)
			}
		})
	}
}

// Whatever matches is the registered URI itself, or, for a native client, a URI
// that a browser too takes to the loopback host, with the same path and query.
func FuzzAllowsRedirect(f *testing.F) {
	registered := []string{cb, "http://127.0.0.1/callback", "http://[::1]:4000/callback?x=1", "http://localhost", "com.example.app:/callback"}
	for _, r := range registered {
		f.Add(r)
	}
	for _, s := range []string{
		"http://127.0.0.1:1/callback", "http://localhost:80", "http://127.0.0.1:80@evil.example/callback", "http://[::1]:65535/callback?x=1",
		"http://127.0.0.1:/callback", "http://localhost:1/", "https://shop.example.kr@evil.example", `http://localhost:1\evil`,
	} {
		f.Add(s)
	}
	web, native := Client{RedirectURIs: registered}, Client{RedirectURIs: registered, Native: true}
	f.Fuzz(func(t *testing.T, uri string) {
		exact := false
		for _, r := range registered {
			exact = exact || r == uri
		}
		if got := web.AllowsRedirect(uri); got != exact {
			t.Errorf("web, %q: got %v, want %v", uri, got, exact)
		}
		if !native.AllowsRedirect(uri) {
			if exact {
				t.Errorf("native, %q: got false, want true", uri)
			}
			return
		}
		if exact {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatalf("%q: matched, but is no URI: %v", uri, err)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			t.Errorf("%q: got host %q, want a loopback one", uri, u.Hostname())
		}
		if u.User != nil || u.Fragment != "" || u.Scheme != "http" {
			t.Errorf("%q: got %#v, want plain http without userinfo and fragment", uri, u)
		}
		same := false
		for _, r := range registered {
			v, _ := url.Parse(r)
			if _, _, err := net.SplitHostPort(v.Host); err != nil {
				v.Host += ":0"
			}
			host, _, _ := net.SplitHostPort(v.Host)
			same = same || (host == u.Hostname() && v.EscapedPath() == u.EscapedPath() && v.RawQuery == u.RawQuery)
		}
		if !same {
			t.Errorf("%q: got a match, want host, path and query of a registered URI", uri)
		}
	})
}
