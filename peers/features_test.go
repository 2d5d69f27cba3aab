package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// feature is something of the protocol beyond a login that some libraries
// speak. The day the broker advertises one, landed becomes true and every peer
// that speaks it is walked through it; the test below insists on that.
type feature struct {
	name       string
	landed     bool
	advertised func(metadata map[string]any) bool
	// settings of a client that uses it, lines of sinho.yaml; jwks is the file of
	// its public keys where keyed is true.
	settings func(jwks string) []string
	env      []string // for the site; CLIENT_KEY is given where keyed is true
	keyed    bool     // the client has a key and no secret
	walk     func(t *testing.T, w *world, v *visitor, site *process)
}

func features() []feature {
	return []feature{
		{
			name: "refresh", landed: true, advertised: lists("grant_types_supported", "refresh_token"),
			settings: func(string) []string { return []string{"refresh: rotating"} },
			env:      []string{"SCOPE=openid profile email offline_access"}, walk: walkRefresh,
		},
		{
			name: "PAR", landed: true, advertised: has("pushed_authorization_request_endpoint"),
			env: []string{"PAR=1"}, walk: walkPAR,
		},
		{
			name: "private_key_jwt", landed: true, advertised: lists("token_endpoint_auth_methods_supported", "private_key_jwt"),
			settings: func(jwks string) []string {
				return []string{"auth_method: private_key_jwt", "jwks_file: " + jwks}
			},
			keyed: true, walk: walkPrivateKeyJWT,
		},
		{
			name: "form_post", landed: true, advertised: lists("response_modes_supported", "form_post"),
			env: []string{"RESPONSE_MODE=form_post"}, walk: walkFormPost,
		},
		{
			name: "revocation", landed: true, advertised: has("revocation_endpoint"),
			walk: walkRevocation,
		},
	}
}

// party is the client_id of a peer that uses the feature, fit to be a host name
// too, as sectors are.
func (f *feature) party(one peer) string {
	return one.name + "-" + strings.ReplaceAll(strings.ToLower(f.name), "_", "-")
}

func has(name string) func(map[string]any) bool {
	return func(m map[string]any) bool { return m[name] != nil }
}

func lists(name, value string) func(map[string]any) bool {
	return func(m map[string]any) bool {
		all, _ := m[name].([]any)
		return slices.Contains(all, any(value))
	}
}

// testFeaturesAreKnown compares the table with what the broker says of itself,
// so that no feature arrives, or goes, without a library that tries it.
func testFeaturesAreKnown(t *testing.T, w *world) {
	spoken := map[string]bool{}
	for _, one := range peers() {
		for _, name := range one.speaks {
			spoken[name] = true
		}
	}
	for _, f := range features() {
		if got := f.advertised(w.metadata); got != f.landed {
			t.Errorf("%s: discovery advertises it: %v; peers/features_test.go says landed: %v", f.name, got, f.landed)
		}
		if !spoken[f.name] {
			t.Errorf("%s: no peer speaks it", f.name)
		}
	}
}

// featureParties are the clients that a peer needs for what has landed.
func featureParties(t *testing.T, one peer, port int) (parties []party) {
	t.Helper()
	for _, f := range features() {
		if !f.landed || !slices.Contains(one.speaks, f.name) {
			continue
		}
		p := party{id: f.party(one), secret: newSecret(), port: port, path: one.path, home: one.home}
		jwks := ""
		if f.keyed {
			p.secret = ""
			p.key, jwks = newKey(t)
		}
		if f.settings != nil {
			p.more = f.settings(jwks)
		}
		parties = append(parties, p)
	}
	return parties
}

// newKey is a new key of a client: files with the private and the public half.
func newKey(t *testing.T) (private, jwks string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, jwks = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.jwks")
	for path, body := range map[string][]byte{
		private: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), jwks: public,
	} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return private, jwks
}

func testFeatures(t *testing.T, w *world, one peer) {
	for _, f := range features() {
		if !f.landed || !slices.Contains(one.speaks, f.name) {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			p := w.parties[f.party(one)]
			env := f.env
			if f.keyed {
				env = append(slices.Clone(env), "CLIENT_KEY="+p.key)
			}
			site := w.serve(t, one, p, env...)
			f.walk(t, w, w.visitor(t, p), site)
		})
	}
}

// walkRefresh uses a refresh token twice: the second is the one that replaced
// the first.
func walkRefresh(t *testing.T, w *world, v *visitor, _ *process) {
	first := v.in()
	_, before := w.front.last()
	var used []string
	for range 2 {
		again := v.person(v.press("#refresh"))
		for _, claim := range []string{"iss", "sub", "aud", "auth_time"} {
			if got, want := again.Claims[claim], first.Claims[claim]; got == nil || !reflect.DeepEqual(got, want) {
				t.Errorf("refreshed ID token: %s: got %v, want %v", claim, got, want)
			}
		}
		if got, want := again.Userinfo["sub"], first.Claims["sub"]; got != want {
			t.Errorf("userinfo with a refreshed token: sub %v, want %v", got, want)
		}
		said, _ := w.front.last()
		if said.form.Get("grant_type") != "refresh_token" {
			t.Errorf("grant_type: got %q, want refresh_token", said.form.Get("grant_type"))
		}
		used = append(used, said.form.Get("refresh_token"))
	}
	if _, after := w.front.last(); after != before+2 || used[0] == "" || used[0] == used[1] {
		t.Errorf("%d visits to the token endpoint, the same refresh token twice: %v; want 2, and another each time", after-before, used[0] == used[1])
	}
}

// walkPAR shows that nothing of the request passes through the browser.
func walkPAR(t *testing.T, _ *world, v *visitor, _ *process) {
	v.in()
	asked := v.question()
	if !strings.HasPrefix(asked.Get("request_uri"), "urn:ietf:params:oauth:request_uri:") {
		t.Errorf("request_uri: got %q, want one of RFC 9126", asked.Get("request_uri"))
	}
	for _, name := range []string{"redirect_uri", "scope", "state", "nonce", "code_challenge"} {
		if asked.Has(name) {
			t.Errorf("%s passes through the browser in spite of PAR", name)
		}
	}
}

func walkPrivateKeyJWT(t *testing.T, w *world, v *visitor, _ *process) {
	v.in()
	said, _ := w.front.last()
	if said.basic || said.form.Has("client_secret") || said.form.Get("client_assertion") == "" {
		t.Errorf("Basic: %v, client_secret: %v, client_assertion %q; want the assertion alone",
			said.basic, said.form.Has("client_secret"), said.form.Get("client_assertion"))
	}
	if got, want := said.form.Get("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"; got != want {
		t.Errorf("client_assertion_type: got %q, want %q", got, want)
	}
}

// walkFormPost shows that no code stands in an address.
func walkFormPost(t *testing.T, _ *world, v *visitor, _ *process) {
	v.in()
	if got := v.question().Get("response_mode"); got != "form_post" {
		t.Errorf("response_mode: got %q, want form_post", got)
	}
	for _, u := range v.window.seen {
		if "http://"+u.Host == v.p.site() && u.Query().Has("code") {
			t.Error("the code stands in an address of the site in spite of form_post")
		}
	}
}

// walkRevocation uses an access token that its site has revoked.
func walkRevocation(t *testing.T, _ *world, v *visitor, site *process) {
	v.in()
	mark := site.out.mark()
	page := v.press("#revoke")
	if page.Status != http.StatusBadRequest {
		t.Errorf("userinfo with a revoked token: the site shows %s, want its error page", where(page))
	}
	site.says(t, mark, "login failed", "invalid_token")
}
