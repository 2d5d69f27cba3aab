package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sinho/citizen"
)

// peer is a client library in a site of testdata/peers. All the sites have the
// same pages: / with who has logged in and forms for the rest.
type peer struct {
	name string
	run  func(t *testing.T, env []string) *process
	// path and home of its clients, see party.
	path, home string
	// silent asks whether somebody is logged in, without showing a page.
	silent func(*visitor) *citizen.Page
	// log is in every line that says why a login failed, "" where there is no
	// such word.
	log string
	// refuses says what its log names when it refuses an attack
	// (attacks_test.go); ignores lists those it does not look at.
	refuses map[string]string
	ignores []string
	// confidential clients are all it can be.
	confidential bool
	// speaks lists the features (features_test.go) its library has beside the
	// login itself.
	speaks []string
	// refresh makes it refresh (nil: by its own button).
	refresh func(v *visitor) *citizen.Page
}

func peers() []peer {
	return []peer{
		{
			name: "openid-client", run: runOpenIDClient, silent: byParameter, log: "login failed",
			speaks: []string{"refresh", "PAR", "private_key_jwt", "form_post", "revocation"},
			refuses: map[string]string{
				"state":     `unexpected "state" response parameter value`,
				"iss":       `unexpected "iss" (issuer) response parameter value`,
				"nonce":     `unexpected ID Token "nonce" claim value`,
				"audience":  `unexpected JWT "aud" (audience) claim value`,
				"signature": "JWT signature verification failed",
				"at_hash":   "at_hash is of another access token",
				"userinfo":  `unexpected "response" body "sub" property value`,
				"challenge": "invalid_grant: code_verifier does not match code_challenge",
				"code":      "invalid_grant: the code is",
				"secret":    "a challenge in the WWW-Authenticate",
			},
		},
		{
			name: "authlib", run: runAuthlib, silent: byParameter, log: "login failed",
			speaks: []string{"refresh", "private_key_jwt", "form_post"},
			refuses: map[string]string{
				"state":     "mismatching_state",
				"iss":       "mixed_up: iss is not",
				"nonce":     "Invalid claim: 'nonce'",
				"audience":  "Invalid claim: 'aud'",
				"signature": "bad_signature",
				"at_hash":   "Invalid claim: 'at_hash'",
				"userinfo":  "userinfo is about somebody else",
				"challenge": "invalid_grant: code_verifier does not match code_challenge",
				"code":      "invalid_grant: the code is",
				"secret":    "invalid_client",
			},
		},
		{
			name: "go-oidc", run: runGoOIDC, silent: byParameter, log: "login failed",
			speaks: []string{"refresh"},
			refuses: map[string]string{
				"state":     "state is not the one of this session",
				"iss":       "this answer is not of our broker",
				"nonce":     "nonce is not the one of this session",
				"audience":  "expected audience",
				"signature": "failed to verify signature",
				"at_hash":   "access token hash does not match",
				"userinfo":  "userinfo is about somebody else",
				"challenge": `"invalid_grant" "code_verifier does not match code_challenge"`,
				"code":      `"invalid_grant" "the code is`,
				"secret":    `"invalid_client"`,
			},
		},
		{
			name: "oauth2-proxy", run: runOAuth2Proxy, silent: byProxy,
			path: "/oauth2/callback", home: "/welcome", confidential: true,
			speaks: []string{"refresh"}, refresh: refreshByProxy,
			ignores: []string{"iss", "userinfo"},
			refuses: map[string]string{
				"state":     "CSRF token mismatch, potential attack",
				"nonce":     "Session validation failed",
				"audience":  "audience from claim aud",
				"signature": "failed to verify signature",
				"at_hash":   "error making request to profile URL", // not the hash: userinfo knows no such token
				"challenge": `"invalid_grant" "code_verifier does not match code_challenge"`,
				"code":      `"invalid_grant" "the code is`,
				"secret":    `"invalid_client"`,
			},
		},
	}
}

// byParameter asks a site that passes prompt on.
func byParameter(v *visitor) *citizen.Page {
	v.t.Helper()
	return v.open(v.p.site() + "/login?prompt=none")
}

// runOpenIDClient copies the site beside its installed modules: Node looks for
// them nowhere else.
func runOpenIDClient(t *testing.T, env []string) *process {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(installed(t, "npm", "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	site, err := os.ReadFile(filepath.Join(root, "testdata/peers/openid-client/site.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.mjs"), site, 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "openid-client", dir, env, siteReady, "node", "site.mjs")
}

func runAuthlib(t *testing.T, env []string) *process {
	t.Helper()
	python := installed(t, "venv", "bin", "python")
	env = append(env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1")
	return start(t, "authlib", t.TempDir(), env, siteReady, python, filepath.Join(root, "testdata/peers/authlib/site.py"))
}

func runGoOIDC(t *testing.T, env []string) *process {
	t.Helper()
	return start(t, "go-oidc", t.TempDir(), env, siteReady, goSite)
}

func siteReady(s string) bool { return strings.HasPrefix(s, "ready http://localhost:") }

// serve runs the peer's site as the client p; more is added to its environment.
func (w *world) serve(t *testing.T, one peer, p party, more ...string) *process {
	t.Helper()
	env := []string{"ISSUER=" + w.issuer, "CLIENT_ID=" + p.id, fmt.Sprintf("PORT=%d", p.port)}
	if p.secret != "" {
		env = append(env, "CLIENT_SECRET="+p.secret)
	}
	site := one.run(t, append(env, more...))
	waitForPort(t, p.port)
	return site
}

// parties are the clients of a peer at a port, with a secret and without.
func (one peer) parties(port int) []party {
	p := party{id: one.name, secret: newSecret(), port: port, path: one.path, home: one.home}
	public := p
	public.id, public.secret = one.name+"-public", ""
	return []party{p, public}
}

// visitor is somebody at a site, in a browser of their own.
type visitor struct {
	*citizen.Browser
	t       *testing.T
	w       *world
	p       party
	window  *window
	chooses string
	refresh func(v *visitor) *citizen.Page // of its peer
}

func (w *world) visitor(t *testing.T, p party) *visitor {
	t.Helper()
	win := &window{}
	return &visitor{Browser: citizen.New(citizen.Config{Transport: win}), t: t, w: w, p: p, window: win, chooses: "oidc"}
}

// window sees every request of a browser, and may change it or keep it back.
type window struct {
	seen   []*url.URL
	change func(*url.URL)
	hold   func(*url.URL) bool
}

// errHeld is the error of a request that was kept back.
var errHeld = errors.New("held")

// RoundTrip makes the request.
func (w *window) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if w.change != nil {
		w.change(r.URL)
	}
	if w.hold != nil && w.hold(r.URL) {
		return nil, errHeld
	}
	w.seen = append(w.seen, r.URL)
	return http.DefaultTransport.RoundTrip(r)
}

// question is the latest authorization request that was sent.
func (v *visitor) question() url.Values {
	v.t.Helper()
	for _, u := range slices.Backward(v.window.seen) {
		if v.w.issuer == "http://"+u.Host && u.Path == "/authorize" {
			return u.Query()
		}
	}
	v.t.Fatal("the site has sent nobody to /authorize")
	return nil
}

// chosen says whether the chooser has been seen.
func (v *visitor) chosen() bool {
	for _, u := range v.window.seen {
		if v.w.issuer == "http://"+u.Host && u.Path == "/login" {
			return true
		}
	}
	return false
}

// login walks a login from the site's page to the site's page.
func (v *visitor) login() citizen.Outcome {
	v.t.Helper()
	v.window.seen = nil
	out := citizen.Login(v.t.Context(), v.Browser, citizen.Walk{
		Start: v.p.start(), Form: "#login", Choose: citizen.Named(v.chooses),
	})
	if out.Why != citizen.WhyStuck || out.Page == nil || "http://"+out.Page.URL.Host != v.w.issuer {
		return out
	}
	// An answer by form_post: the page sends itself, or has a button for those
	// without scripts.
	form, err := out.Page.Form("")
	if err != nil {
		return out
	}
	page, err := v.Submit(v.t.Context(), form, "")
	if err != nil {
		v.t.Fatal(err)
	}
	out.Page, out.In = page, page.Status == http.StatusOK
	return out
}

// in demands that a login ends well and tells who is in.
func (v *visitor) in() person {
	v.t.Helper()
	out := v.login()
	if !out.In {
		v.t.Fatalf("the login ended with %q (%v) at %s, want the site's page; it says: %s", out.Why, out.Err, where(out.Page), says(out.Page))
	}
	return v.person(out.Page)
}

// person is what a site knows of somebody.
type person struct {
	Claims, Userinfo map[string]any
}

func (v *visitor) person(page *citizen.Page) person {
	v.t.Helper()
	text, ok := page.TextOf("person")
	if !ok {
		v.t.Fatalf("nobody has logged in at %s (%d); it says: %s", where(page), page.Status, page.Text())
	}
	var who person
	if err := json.Unmarshal([]byte(text), &who); err != nil {
		v.t.Fatalf("%v in %s", err, text)
	}
	return who
}

// press sends a form of the site's page.
func (v *visitor) press(form string) *citizen.Page {
	v.t.Helper()
	page := v.open(v.p.site() + "/")
	f, err := page.Form(form)
	if err != nil {
		v.t.Fatal(err)
	}
	if page, err = v.Submit(v.t.Context(), f, ""); err != nil {
		v.t.Fatal(err)
	}
	return page
}

func (v *visitor) open(address string) *citizen.Page {
	v.t.Helper()
	page, err := v.Open(v.t.Context(), address)
	if err != nil {
		v.t.Fatal(err)
	}
	return page
}

// openWithPromptNone opens a page of a site that itself knows nothing of prompt,
// and puts it into the authorization request on its way.
func (v *visitor) openWithPromptNone(path string) *citizen.Page {
	v.t.Helper()
	v.window.change = func(u *url.URL) {
		if "http://"+u.Host != v.w.issuer || u.Path != "/authorize" {
			return
		}
		q := u.Query()
		q.Set("prompt", "none")
		u.RawQuery = q.Encode()
	}
	defer func() { v.window.change = nil }()
	return v.open(v.p.site() + path)
}

// refused demands that the site shows an error and that a line of its log names
// why.
func (v *visitor) refused(site *process, mark int, page *citizen.Page, why ...string) {
	v.t.Helper()
	if page == nil || page.Status < 400 || "http://"+page.URL.Host != v.p.site() {
		v.t.Errorf("the person is at %s, which says %q; want an error page of the site", where(page), says(page))
	}
	site.says(v.t, mark, why...)
}

func where(page *citizen.Page) string {
	if page == nil {
		return "no page"
	}
	return fmt.Sprintf("http://%s%s (%d)", page.URL.Host, page.URL.Path, page.Status)
}

func says(page *citizen.Page) string {
	if page == nil {
		return ""
	}
	return page.Text()
}
