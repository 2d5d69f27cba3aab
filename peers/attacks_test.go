package peers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// attack is something that happens to a login on its way. Either the library
// refuses it, or the broker does and the library says so.
type attack struct {
	tampering
	callback func(url.Values) // changes what the browser takes to the site
	secret   string           // the site's secret, "" for the right one
	broker   string           // the error of the token endpoint, "" when it is content
}

// spoiled is s with another letter in its middle.
func spoiled(s any) string {
	b := []byte(s.(string))
	if len(b) == 0 {
		return "A" // a library that sends none is found out by checkFirst
	}
	at := len(b) / 2
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// spoiledSignature changes the signature of a JWT, and nothing else of it.
func spoiledSignature(token any) string {
	at := strings.LastIndexByte(token.(string), '.') + 1
	return token.(string)[:at] + spoiled(token.(string)[at:])
}

// attacks by what they attack. other is a client_id with the same redirect URI.
func attacks(other string) map[string]attack {
	asOther := func(q url.Values) { q.Set("client_id", other) }
	return map[string]attack{
		"state":     {callback: func(q url.Values) { q.Set("state", spoiled(q.Get("state"))) }},
		"iss":       {callback: func(q url.Values) { q.Set("iss", "https://elsewhere.example") }},
		"nonce":     {tampering: tampering{authorize: func(q url.Values) { q.Set("nonce", spoiled(q.Get("nonce"))) }}},
		"challenge": {tampering: tampering{authorize: func(q url.Values) { q.Set("code_challenge", spoiled(q.Get("code_challenge"))) }}, broker: "invalid_grant"},
		// A code that was made for another client of this very site.
		"code": {tampering: tampering{authorize: asOther}, broker: "invalid_grant"},
		// The same, redeemed as that client: everything fits but the audience.
		"audience": {tampering: tampering{authorize: asOther, token: func(h http.Header, form url.Values) {
			h.Del("Authorization")
			form.Set("client_id", other)
		}}},
		"signature": {tampering: tampering{tokens: func(a map[string]any) { a["id_token"] = spoiledSignature(a["id_token"]) }}},
		"at_hash":   {tampering: tampering{tokens: func(a map[string]any) { a["access_token"] = spoiled(a["access_token"]) }}},
		"userinfo":  {tampering: tampering{userinfo: func(c map[string]any) { c["sub"] = spoiled(c["sub"]) }}},
		"secret":    {secret: newSecret(), broker: "invalid_client"},
	}
}

// testAttacks runs the attacks on one site, and that with a wrong secret on
// another.
func testAttacks(t *testing.T, w *world, one peer) {
	all := attacks(one.name + "-public")
	t.Run("attacks", func(t *testing.T) {
		p := w.parties[one.name]
		site := w.serve(t, one, p)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if all[name].secret == "" {
				t.Run(name, func(t *testing.T) { testAttack(t, w, one, p, site, name, all[name]) })
			}
		}
	})
	t.Run("secret", func(t *testing.T) {
		p := w.parties[one.name]
		p.secret = all["secret"].secret
		testAttack(t, w, one, p, w.serve(t, one, p), "secret", all["secret"])
	})
}

func testAttack(t *testing.T, w *world, one peer, p party, site *process, name string, a attack) {
	w.front.while(t, a.tampering)
	v := w.visitor(t, p)
	reached := a.callback == nil
	v.window.change = func(u *url.URL) {
		if a.callback == nil || p.callback() != "http://"+u.Host+u.Path {
			return
		}
		q := u.Query()
		a.callback(q)
		u.RawQuery, reached = q.Encode(), true
	}
	mark, why, ignored := site.out.mark(), one.refuses[name], slices.Contains(one.ignores, name)
	out := v.login()
	if !reached {
		t.Error("the person never came back to the site")
	}
	if out.In != ignored || ignored == (why != "") {
		t.Fatalf("the login ended at %s (in: %v); want it refused for %q, or ignored: %v", where(out.Page), out.In, why, ignored)
	}
	if ignored { // docs/integrate says so
		return
	}
	v.refused(site, mark, out.Page, one.log, why)
	if said, _ := w.front.last(); a.broker != "" && said.answer["error"] != a.broker {
		t.Errorf("the token endpoint answered %d %v, want %s", said.status, said.answer["error"], a.broker)
	}
}
