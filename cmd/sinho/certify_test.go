package main

import (
	"crypto/tls"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/config"
)

func understood(t *testing.T, o certifyOptions) certifyRun {
	t.Helper()
	r, err := o.understood()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCertifyWritesWhatARunNeedsAndKeepsItsSecrets(t *testing.T) {
	o := certifyOptions{dir: filepath.Join(t.TempDir(), "certify"), base: "https://op.example.org:9443", suite: "https://suite.example.org/", alias: "one"}
	var secrets [2]string
	for round := range secrets {
		r := understood(t, o)
		secret, err := r.prepare()
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(filepath.Join(r.dir, "sinho.yaml"), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatalf("the settings do not load: %v", err)
		}
		if len(cfg.Clients) != len(certifyClients()) || string(cfg.Enabled()[0].Secret) != secret || cfg.Listen[0] != ":9443" {
			t.Errorf("got %d clients, listening at %v", len(cfg.Clients), cfg.Listen)
		}
		ways := map[string]int{}
		for _, c := range cfg.Clients {
			ways[c.AuthMethod]++
			if want := "https://suite.example.org/test/a/" + r.alias; c.RedirectURIs[0] != want+"/callback" || c.PostLogoutURIs[0] != want+"/post_logout_redirect" {
				t.Errorf("%s: got %v and %v, want them below %s", c.ID, c.RedirectURIs, c.PostLogoutURIs, want)
			}
			if c.BackchannelLogoutURI != "" && c.FrontchannelLogoutURI != "" {
				t.Errorf("%s is told in two ways: a plan that expects one of them fails", c.ID)
			}
		}
		if ways["client_secret_basic"] < 2 || ways["client_secret_post"] < 1 || ways["private_key_jwt"] < 2 {
			t.Errorf("got clients by %v", ways)
		}
		secrets[round] = known(t, r, cfg) + secret
		o.alias = "two" // the switches count anew, what is secret stays
	}
	if secrets[0] != secrets[1] {
		t.Error("the secrets did not stay over a restart")
	}
}

// known checks that the suite's side of each plan fits ours, and that settings
// hold none of it. It gives all that must stay.
func known(t *testing.T, r certifyRun, cfg *config.Config) string {
	t.Helper()
	settings, err := os.ReadFile(filepath.Join(r.dir, "sinho.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]config.Client{}
	for _, c := range cfg.Clients {
		ours[c.ID] = c
	}
	var all strings.Builder
	for _, p := range certifyPlans() {
		body, err := os.ReadFile(filepath.Join(r.dir, "plans", p.file))
		if err != nil {
			t.Fatal(err)
		}
		var s suiteSettings
		if err := json.Unmarshal(body, &s); err != nil {
			t.Fatal(err)
		}
		if s.Alias != r.alias || s.Server.Discovery != r.base+"/.well-known/openid-configuration" {
			t.Errorf("%s: got alias %s and discovery %s", p.file, s.Alias, s.Server.Discovery)
		}
		both := []suiteClient{s.Client, s.Second}
		if s.Post != nil {
			both = append(both, *s.Post)
		}
		for _, c := range both {
			one, has := ours[c.ID]
			if !has {
				t.Errorf("%s: there is no client %s", p.file, c.ID)
			}
			if c.JWKS == nil {
				all.WriteString(c.Secret)
				if len(c.Secret) < 40 || strings.Contains(string(settings), c.Secret) {
					t.Errorf("%s: got a secret of %d characters, or found it in the settings", c.ID, len(c.Secret))
				}
				continue
			}
			var public jose.JSONWebKeySet
			if err := json.Unmarshal([]byte(one.JWKS), &public); err != nil {
				t.Fatal(err)
			}
			if c.JWKS.Keys[0].IsPublic() || !public.Keys[0].IsPublic() || c.JWKS.Keys[0].KeyID != public.Keys[0].KeyID {
				t.Errorf("%s: want a private key in the plan and its public half in ours", c.ID)
			}
		}
	}
	err = filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, want it readable by its owner alone", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestCertifyKeepsAGoodCertificateAndMakesAnotherInItsPlace(t *testing.T) {
	o := certifyOptions{dir: t.TempDir(), base: "https://op.example.org:9443", suite: "https://suite.example.org", alias: "one"}
	serial := func(o certifyOptions, now time.Time) string {
		r := understood(t, o)
		if err := r.ownCertificate(now); err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(r.certFile(), r.keyFile())
		if err != nil {
			t.Fatal(err)
		}
		if err := pair.Leaf.VerifyHostname(r.host); err != nil {
			t.Error(err)
		}
		return pair.Leaf.SerialNumber.String()
	}
	now := time.Now()
	first := serial(o, now)
	if again := serial(o, now.Add(ownCertificate-ownEnds-time.Hour)); again != first {
		t.Error("a good certificate was not kept")
	}
	second := serial(o, now.Add(ownCertificate-ownEnds+time.Hour))
	if second == first {
		t.Error("a certificate that ends was kept")
	}
	o.base = "https://[::1]:9443"
	if third := serial(o, now); third == second {
		t.Error("a certificate for another host was kept")
	}
	o.cert, o.key = "given.crt", "given.key"
	if r := understood(t, o); r.certFile() != "given.crt" || r.keyFile() != "given.key" {
		t.Errorf("got %s and %s, want those given", r.certFile(), r.keyFile())
	}
}

func TestCertifyRefusesAWrongCommandLine(t *testing.T) {
	good := certifyOptions{base: "https://localhost:9443", suite: "https://suite.example.org", alias: "a"}
	for want, change := range map[string]func(*certifyOptions){
		"--base-url \"http://":     func(o *certifyOptions) { o.base = "http://localhost:9443" },
		"--base-url \"https://a/b": func(o *certifyOptions) { o.base = "https://a/b" },
		"--base-url \"https://A":   func(o *certifyOptions) { o.base = "https://A:9443" },
		"from 1 to 65533":          func(o *certifyOptions) { o.base = "https://localhost:65534" },
		"--suite":                  func(o *certifyOptions) { o.suite = "http://suite.example.org" },
		"--alias":                  func(o *certifyOptions) { o.alias = "a/b" },
		"--cert and --key":         func(o *certifyOptions) { o.cert = "a.pem" },
	} {
		o := good
		change(&o)
		if _, err := o.understood(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q in it", o, err, want)
		}
	}
}

// A browser of the suite reaches the provider's page and nothing else of it.
func TestCertifyShowsOnlyTheProvidersPage(t *testing.T) {
	c := certify(t)
	for path, want := range map[string]int{
		"/authorize": 400, "/static/sim.css": 200, "/control": 404, "/token": 404, "/": 404, "/.well-known/openid-configuration": 404,
	} {
		resp, err := c.http.Get(c.page + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}
