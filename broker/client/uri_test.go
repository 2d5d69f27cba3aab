package client

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestRegisteredURIs(t *testing.T) {
	for _, tc := range []struct {
		uri         string
		web, native string // "" when taken, otherwise part of the reason
	}{
		{cb, "", ""},
		{"https://a.kr", "", ""},
		{"https://a.kr/", "", ""},
		{"https://a.kr:8443/cb?dummy1=lorem&dummy2=ipsum", "", ""},
		{"https://xn--2i0b10r.kr/cb", "", ""},
		{"https://192.0.2.1/cb", "", ""},
		{"https://[2001:db8::1]:8443/cb", "", ""},
		{"https://a.kr/a%20b/~c;d=1,2@x:y", "", ""},
		{"https://a.kr/cb?next=%2Fhome", "", ""},
		{"http://localhost:8081/callback", "", ""},
		{"http://127.0.0.1/callback", "", ""},
		{"http://[::1]:8081", "", ""},

		{"", "empty", "empty"},
		{"/callback", "absolute", "absolute"},
		{"a.kr/callback", "absolute", "absolute"},
		{"//a.kr/callback", "absolute", "absolute"},
		{"https:a.kr/callback", "needs a /", "needs a /"},
		{"https:/callback", "no host", "no host"},
		{"https:///callback", "no host", "no host"},
		{"https://:443/callback", "no host", "no host"},
		{"://a.kr", "not a URI", "not a URI"},
		{"HTTPS://a.kr/", "scheme", "scheme"},
		{"http://a.kr/callback", "must be https", "must be https"},
		{"http://127.0.0.1.a.kr/", "must be https", "must be https"},
		{"http://localhost.a.kr/", "must be https", "must be https"},
		{"http://127.0.0.2/", "must be https", "must be https"},
		{"http://0.0.0.0/", "must be https", "must be https"},
		{"http://10.0.0.1/", "must be https", "must be https"},
		{"ws://a.kr/", "must be https", "private-use"},
		{"javascript:alert(1)", "needs a /", "needs a /"},
		{"javascript:/alert(1)", "must be https", "private-use"},
		{"javascript://a.kr/%0aalert(1)", "control", "control"},
		{"data:text/html,x", "needs a /", "needs a /"},
		{"file:///etc/passwd", "must be https", "private-use"},
		{"urn:ietf:wg:oauth:2.0:oob", "needs a /", "needs a /"},

		{"https://a.kr/#", "fragment", "fragment"},
		{"https://a.kr/cb#x", "fragment", "fragment"},
		{"https://*.a.kr/cb", "wildcard", "wildcard"},
		{"https://a.kr/*", "wildcard", "wildcard"},
		{"https://a.kr@evil.example/", "user information", "user information"},
		{"https://user:pw@a.kr/", "user information", "user information"},
		{"https://@a.kr/", "user information", "user information"},
		{`https://evil.example\@a.kr/`, "character", "character"},
		{"https://a.kr/한글", "character", "character"},
		{"https://가게.kr/", "character", "character"},
		{"https://a.kr/a b", "character", "character"},
		{"https://a.kr/\r\n", "character", "character"},
		{"https://a.kr/<script>", "character", "character"},
		{`https://a.kr/"x`, "character", "character"},
		{"https://a.kr/%", "encodes nothing", "encodes nothing"},
		{"https://a.kr/%zz", "encodes nothing", "encodes nothing"},
		{"https://a.kr/%0d%0aSet-Cookie:x", "control", "control"},
		{"https://a.kr/cb?x=%00", "control", "control"},
		{"https://a.kr/%7f", "control", "control"},
		{"https://a.kr/%7F", "control", "control"},
		{"https://a.kr/a%2fb", "encoded slash", "encoded slash"},
		{"https://a.kr/a%5Cb", "encoded slash", "encoded slash"},
		{"https://a.kr/a%252fb", "doubly encoded", "doubly encoded"},
		{"https://a.kr/a/../b", "segment", "segment"},
		{"https://a.kr/a/%2e%2E/b", "segment", "segment"},
		{"https://a.kr/.", "segment", "segment"},
		{"https://a.kr/cb?", "nothing behind", "nothing behind"},
		{"https://a.kr/cb?a=1;b=2", "query", "query"},
		{"https://a.kr/cb?code=1", "parameter code", "parameter code"},
		{"https://a.kr/cb?x=1&st%61te=1", "parameter state", "parameter state"},
		{"https://a.kr/cb?iss", "parameter iss", "parameter iss"},

		{"https://A.kr/", "lower case", "lower case"},
		{"https://a.kr./", "dot", "dot"},
		{"https://a..kr/", "host name", "host name"},
		{"https://-a.kr/", "host name", "host name"},
		{"https://a_b.kr/", "host name", "host name"},
		{"https://a%2ekr/", "not a URI", "not a URI"},
		{"https://" + strings.Repeat("a", 64) + ".kr/", "host name", "host name"},
		{"https://" + strings.Repeat("a.", 130) + "kr/", "253", "253"},
		{"https://127.1/", "another spelling", "another spelling"},
		{"https://2130706433/", "another spelling", "another spelling"},
		{"https://0x7f.0x1/", "another spelling", "another spelling"},
		{"https://127.0.0.01/", "another spelling", "another spelling"},
		{"https://[2001:DB8::1]/", "another spelling", "another spelling"},
		{"https://[0:0:0:0:0:0:0:1]/", "another spelling", "another spelling"},
		{"https://[fe80::1%25eth0]/", "another spelling", "another spelling"},
		{"https://[a.kr]/", "not a URI", "not a URI"},
		{"https://a.kr:/", "port", "port"},
		{"https://a.kr:0/", "port", "port"},
		{"https://a.kr:0443/", "port", "port"},
		{"https://a.kr:65536/", "port", "port"},
		{"https://a.kr:x/", "not a URI", "not a URI"},
		{"https://a.kr/" + strings.Repeat("a", maxURI), "at most", "at most"},

		{"com.example.app:/callback", "must be https", ""},
		{"com.example.app:/", "must be https", ""},
		{"com.example.app://callback", "must be https", ""},
		{"com.example.app://callback/x?y=1", "must be https", ""},
		{"com.example.app:callback", "needs a /", "needs a /"},
		{"com.example.app://", "must be https", "no path"},
		{"com.example.app://a@b/", "user information", "user information"},
		{"com.example.app://B/", "must be https", "lower case"},
		{"com.Example.app:/callback", "scheme", "scheme"},
		{"myapp:/callback", "must be https", "private-use"},
		{"com.example.app:/callback?code=1", "parameter code", "parameter code"},
	} {
		t.Run(fmt.Sprintf("%.60q", tc.uri), func(t *testing.T) {
			for native, want := range map[bool]string{false: tc.web, true: tc.native} {
				_, err := checkURI(tc.uri, native, redirectReserved)
				if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("native %v: got %v, want %q", native, err, want)
				}
			}
		})
	}
}

// What is registered has one reading: parsed and written again it is the same,
// and it matches itself.
func FuzzRegisteredURI(f *testing.F) {
	for _, s := range []string{
		cb, "http://127.0.0.1:8081/cb", "com.example.app:/cb", "https://a.kr@b.kr/", "https://a.kr/%2e%2e", "https://[::1]/",
		"https://a.kr/?a=1&b=2", "https://a.kr:443", "com.example.app://x/y?z", "https://a.kr/a%20b",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, uri string, native bool) {
		host, err := checkURI(uri, native, redirectReserved)
		if err != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatalf("%q: taken, but is no URI: %v", uri, err)
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Host)) && !native {
			t.Errorf("%q: got scheme %s, want it refused", uri, u.Scheme)
		}
		if (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != host {
			t.Errorf("%q: got host %q, want %q", uri, host, u.Hostname())
		}
		if strings.ContainsAny(uri, "*#\\ \r\n\t<>\"") || u.User != nil || u.Opaque != "" {
			t.Errorf("%q: got it taken, want it refused", uri)
		}
		if again := u.String(); again != uri {
			t.Errorf("got %q when written again, want %q", again, uri)
		}
		if c := (Client{RedirectURIs: []string{uri}, Native: native}); !c.AllowsRedirect(uri) {
			t.Errorf("%q: got refused, want a registered URI to match itself", uri)
		}
	})
}
