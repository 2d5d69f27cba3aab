package peers

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sinho/citizen"
)

// upstream is an OpenID Provider of somebody else's that people are sent to. The
// broker knows it by its settings alone (kind oidc).
type upstream struct {
	name string
	run  func(t *testing.T, env []string) *process
	path string // of its issuer, "" for none
	// types is what a person enters on its pages.
	types map[string]string
	// leaves cancels on one of its pages; ok is false on a page without such a
	// button. Nil: it has none anywhere.
	leaves func(v *traveller, page *citizen.Page) (next *citizen.Page, ok bool)
	// claims are some that userinfo has of the person.
	claims map[string]any
	alg    string // of its ID tokens
	alters bool   // it can change that
	// iss: it promises iss with every answer (RFC 9207). post: it can answer by
	// form_post.
	iss, post bool
	// keyed: it knows clients by their keys (private_key_jwt). pushes: it takes
	// requests beforehand (RFC 9126).
	keyed, pushes bool
}

func upstreams() []upstream {
	return []upstream{
		{
			name: "oidc-provider", run: runOIDCProvider, alg: "ES256", alters: true, iss: true, post: true, keyed: true, pushes: true,
			types:  map[string]string{"login": "hong", "password": "any"},
			claims: map[string]any{"name": "홍길동", "email": "hong@example.com", "email_verified": true},
			leaves: abortLink,
		},
		{
			name: "zitadel", run: runZitadel, alg: "RS256", alters: true, post: true, keyed: true,
			types:  map[string]string{"username": "test-user@localhost", "password": "verysecure"},
			claims: map[string]any{"name": "Test User", "email": "test-user@zitadel.ch", "email_verified": true},
		},
		{
			name: "django-oauth-toolkit", run: runDjango, path: "/o", alg: "RS256",
			types:  map[string]string{"username": "hong", "password": "verysecure"},
			claims: map[string]any{"name": "길동 홍", "email": "hong@example.com", "email_verified": true},
			leaves: cancelButton,
		},
	}
}

// abortLink is oidc-provider's way out, on each of its pages.
func abortLink(v *traveller, page *citizen.Page) (*citizen.Page, bool) {
	v.t.Helper()
	for _, l := range page.Links() {
		if !strings.HasSuffix(l.URL.Path, "/abort") {
			continue
		}
		next, err := v.Follow(v.t.Context(), l)
		if err != nil {
			v.t.Fatal(err)
		}
		return next, true
	}
	return nil, false
}

// cancelButton is the one of django-oauth-toolkit's consent.
func cancelButton(v *traveller, page *citizen.Page) (*citizen.Page, bool) {
	v.t.Helper()
	form, err := page.Form("#authorizationForm")
	if err != nil {
		return nil, false
	}
	return v.submit(form, "Cancel"), true
}

func runOIDCProvider(t *testing.T, env []string) *process {
	t.Helper()
	// Node looks for modules beside the script and nowhere else.
	dir := t.TempDir()
	if err := os.Symlink(installed(t, "upstreams", "npm", "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	server, err := os.ReadFile(filepath.Join(root, "testdata/upstreams/oidc-provider/server.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.mjs"), server, 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "oidc-provider", dir, env, siteReady, "node", "server.mjs")
}

func runZitadel(t *testing.T, env []string) *process {
	t.Helper()
	return start(t, "zitadel", t.TempDir(), env, siteReady, installed(t, "upstreams", "zitadel"))
}

func runDjango(t *testing.T, env []string) *process {
	t.Helper()
	env = append(env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1")
	return start(t, "django-oauth-toolkit", t.TempDir(), env, siteReady, installed(t, "upstreams", "venv", "bin", "python"),
		filepath.Join(root, "testdata/upstreams/django-oauth-toolkit/server.py"))
}

// Registrations of one upstream in sinho.yaml: what is added to its name, and
// what differs.
const (
	asTwin   = "-twin"   // the same again, with keys read on its own
	asLight  = "-light"  // and once more, with a light that nothing else has coloured
	asPost   = "-post"   // answers by form_post
	asFresh  = "-fresh"  // set to prove fresh logins
	asLiar   = "-liar"   // its metadata names another issuer than the settings
	asWrong  = "-wrong"  // with a secret that it does not know
	asPublic = "-public" // as a client without a secret
	asKeyed  = "-keyed"  // as one that proves itself by a key
)

// abroad is a broker whose providers are upstreams, and a site.
type abroad struct {
	*world
	site   party
	broker *process
	at     map[string]*station // by name of the upstream
}

// station is one upstream that runs, and what stands before it.
type station struct {
	upstream
	*between
	process *process
	secret  string // of its clients
}

// origin is where its pages are.
func (s *station) origin() string { return strings.TrimSuffix(s.issuer, s.path) }

const upstreamSettings = `  - id: %s
    kind: oidc
    name: {ko: 나라, en: Nara}
    issuer: %s
    scopes: [openid, profile, email]
`

// registrations are all of them that it can have.
func (u upstream) registrations() []string {
	all := []string{"", asTwin, asLight, asPost, asFresh, asLiar, asWrong, asPublic}
	if u.keyed {
		all = append(all, asKeyed)
	}
	return all
}

// settings are all its registrations.
func (s *station) settings() string {
	var b strings.Builder
	for _, as := range s.registrations() {
		issuer, more := s.issuer, []string{"client_id: sinho", "secret_file: secret"}
		switch as {
		case asPost:
			more = append(more, "response_mode: form_post")
		case asFresh:
			more = append(more, "fresh: proved")
		case asLiar:
			issuer = strings.Replace(issuer, "//localhost", "//127.0.0.1", 1)
		case asWrong:
			more[1] = "secret_file: wrong"
		case asPublic:
			more = []string{"client_id: public"}
		case asKeyed:
			more = []string{"client_id: keyed", "private_key_file: keyed", "key_id: ours"}
		}
		fmt.Fprintf(&b, upstreamSettings, s.name+as, issuer)
		for _, line := range more {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

// newAbroad starts these upstreams, `sinho serve`, which then has read all their
// keys, and the site.
func newAbroad(t *testing.T, all ...upstream) *abroad {
	t.Helper()
	free := ports(t, 2)
	a := &abroad{
		world: &world{issuer: fmt.Sprintf("http://localhost:%d", free[0]), parties: map[string]party{}},
		site:  party{id: "booking", secret: newSecret(), port: free[1]},
		at:    map[string]*station{},
	}
	// Signs that are written otherwise in a header, in a form and in YAML.
	dir, secret := t.TempDir(), newSecret()[:32]+"+/=:%&?#~ \\\"'"
	key := signingKey(t, "RS256")
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "ours", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	var settings strings.Builder
	for _, one := range all {
		a.at[one.name] = a.open(t, one, secret, string(keys))
		settings.WriteString(a.at[one.name].settings())
	}
	text := fmt.Sprintf("public_url: %s\nlisten: [\"127.0.0.1:%d\"]\nmetrics_listen: \"\"\nstore: ./sinho.db\nkeys_dir: ./keys\ndrain: {delay: 0s, limit: 5s}\nclients:\n%sproviders:\n%s",
		a.issuer, free[0], a.site.settings(), settings.String())
	for name, content := range map[string]string{
		"sinho.yaml": text, "secret": secret, "wrong": newSecret(),
		"keyed": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(sinho, "keys", "init", "--dir", filepath.Join(dir, "keys")).CombinedOutput(); err != nil {
		t.Fatalf("sinho keys init: %v\n%s", err, out)
	}
	a.broker = start(t, "sinho serve", dir, nil, line("ready "+a.issuer), sinho, "serve", "--config", filepath.Join(dir, "sinho.yaml"))
	for _, s := range a.at { // the broker reads all keys behind its start, but for the liar's
		s.wait(t, len(s.registrations())-1)
	}
	a.serve(t, peer{run: runGoOIDC}, a.site)
	return a
}

// open starts an upstream, and between before it.
func (a *abroad) open(t *testing.T, one upstream, secret, keys string) *station {
	t.Helper()
	port := ports(t, 1)[0]
	s := &station{upstream: one, secret: secret, between: newBetween(t, fmt.Sprintf("127.0.0.1:%d", port), one)}
	var back []string
	for _, as := range one.registrations() {
		back = append(back, a.issuer+"/callback/"+one.name+as)
	}
	s.process = one.run(t, []string{
		"ISSUER=" + s.issuer, fmt.Sprintf("PORT=%d", port), "CLIENT_ID=sinho", "OTHER_ID=other", "PUBLIC_ID=public", "KEYED_ID=keyed", "KEYED_JWKS=" + keys,
		"CLIENT_SECRET=" + secret,
		"REDIRECT_URIS=" + strings.Join(back, " "),
	})
	waitForPort(t, port)
	s.learn(t)
	return s
}

// rotate makes it sign with a new key: by SIGHUP the old ones stay published, by
// SIGUSR1 they are withdrawn at once, by SIGUSR2 the new one is of another
// algorithm.
func (s *station) rotate(t *testing.T, how syscall.Signal) {
	t.Helper()
	mark := s.process.out.mark()
	if err := s.process.cmd.Process.Signal(how); err != nil {
		t.Fatal(err)
	}
	s.process.says(t, mark, "signing with")
}
