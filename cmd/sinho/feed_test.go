package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"sinho/broker/keys"
	"sinho/citizen"
)

// feed is the signed board that a node gives out, by its published keys.
func (w *world) feed() (token, kid string, claims map[string]any) {
	w.t.Helper()
	status, token := w.get("/signal.jws")
	if status != http.StatusOK {
		w.t.Fatalf("got %d %s, want the signed board", status, token)
	}
	var published jose.JSONWebKeySet
	if _, body := w.get("/jwks"); json.Unmarshal([]byte(body), &published) != nil {
		w.t.Fatalf("got %s, want keys", body)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		w.t.Fatal(err)
	}
	header := signed.Signatures[0].Protected
	if typ := header.ExtraHeaders[jose.HeaderType]; typ != "signal+jwt" {
		w.t.Errorf("got typ %v, want signal+jwt", typ)
	}
	payload, err := signed.Verify(&published)
	if err != nil {
		w.t.Fatalf("by the published keys: %v", err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		w.t.Fatal(err)
	}
	return token, header.KeyID, claims
}

// verifyFeed is what somebody without any library of ours writes.
const verifyFeed = `
const crypto = require('node:crypto')
const [base, token] = process.argv.slice(1)
fetch(base + '/jwks').then(r => r.json()).then(({ keys }) => {
  const [head, payload, signature] = token.split('.')
  const { alg, kid, typ } = JSON.parse(Buffer.from(head, 'base64url'))
  const key = crypto.createPublicKey({ key: keys.find(k => k.kid === kid), format: 'jwk' })
  const good = alg === 'ES256' && typ === 'signal+jwt' && crypto.verify('sha256',
    Buffer.from(head + '.' + payload), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
  const said = JSON.parse(Buffer.from(payload, 'base64url'))
  if (!good || said.iss !== base || said.exp * 1000 < Date.now()) process.exit(1)
  console.log(said.providers.map(p => p.id).join(' '))
})`

func TestTheSignedFeedIsVerifiedByThePublishedKeys(t *testing.T) {
	w := newWorld(t, "http")
	w.write(w.text(""))
	r := w.serve()
	token, before, claims := w.feed()
	if claims["iss"] != w.public || claims["aud"] != nil || claims["sub"] != nil {
		t.Errorf("got %v, want the broker's word to everybody, about nobody", claims)
	}
	_, board := w.getJSON("/signal")
	ids := func(doc map[string]any) (all []string) {
		list, _ := doc["providers"].([]any)
		for _, p := range list {
			id, _ := p.(map[string]any)["id"].(string)
			all = append(all, id)
		}
		return all
	}
	if got, want := strings.Join(ids(claims), " "), strings.Join(ids(board), " "); got != want || want != "naver oidc" {
		t.Errorf("got lights of %q, want those of /signal, %q", got, want)
	}
	out, err := exec.CommandContext(t.Context(), "node", "-e", verifyFeed, w.public, token).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "naver oidc" {
		t.Errorf("node: got %v %s, want it verified", err, out)
	}
	head, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	forged := head + "." + strings.Replace(payload, "g", "h", 1) + "." + signature
	if out, err = exec.CommandContext(t.Context(), "node", "-e", verifyFeed, w.public, forged).CombinedOutput(); err == nil {
		t.Errorf("node takes a forged one: %s", out)
	}

	rotate(t, rotation{dir: filepath.Join(w.dir, "keys"), after: 0, force: true}, time.Now())
	r.look <- time.Time{}
	r.look <- time.Time{} // the first has been dealt with
	if _, after, _ := w.feed(); after == before {
		t.Error("the key has changed and the feed is signed by the old one")
	}
}

// Attack: the signed board as a token of another kind. Anybody can have it, and
// it carries a true signature of ours.
func TestAttackTheSignedFeedPassesForNoToken(t *testing.T) {
	w := newWorld(t, "http")
	dir := filepath.Join(w.dir, "keys")
	sec, err := openVault(dir)
	if err != nil {
		t.Fatal(err)
	}
	// A site that has, of all keys, registered ours: its name alone would not save it.
	writeFile(t, filepath.Join(w.dir, "careless.json"), string(sec.keys.JWKS()))
	w.write(w.text("", "providers:", `  - id: careless
    name: {ko: 부주의, en: Careless}
    auth_method: private_key_jwt
    jwks_file: ./careless.json
    redirect_uris: ["https://careless.example/cb"]
    sector: careless
providers:`))
	r := w.serve()
	token, _, _ := w.feed()

	if _, err := sec.keys.Verify(token); !errors.Is(err, keys.ErrNotOurs) {
		t.Errorf("as an ID token: got %v, want it refused", err)
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(t.Context(), w.client), w.public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "booking"}).Verify(t.Context(), token); err == nil {
		t.Error("a site takes it for an ID token")
	}

	assertion := url.Values{
		"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://careless.example/cb"}, "client_id": {"careless"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token},
	}
	resp, err := w.client.PostForm(w.public+"/token", assertion)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("as a client assertion: got %d, want 401", resp.StatusCode)
	}

	ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.public+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	ask.Header.Set("Authorization", "Bearer "+token)
	if resp, err = w.client.Do(ask); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("as an access token: got %d, want 401", resp.StatusCode)
	}

	// A log-out whose hint it is asks first, like one without a hint.
	b := citizen.New(citizen.Config{Transport: w.client.Transport})
	if out := citizen.Login(t.Context(), b, citizen.Walk{Start: w.site.URL + "/", Choose: citizen.Named("naver")}); !out.In {
		t.Fatalf("got %s (%v); log:\n%s", out.Why, out.Err, r.log)
	}
	if _, err := b.Open(t.Context(), w.public+"/logout?id_token_hint="+token); err != nil {
		t.Fatal(err)
	}
	mine, err := b.Open(t.Context(), w.public+"/sessions")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(mine.Text(), "네이버") {
		t.Errorf("the session has ended by it: %s", mine.Text())
	}
	end, err := mine.Form("") // one that is over does look different
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Submit(t.Context(), end, ""); err != nil {
		t.Fatal(err)
	}
	if mine, err = b.Open(t.Context(), w.public+"/sessions"); err != nil || strings.Contains(mine.Text(), "네이버") {
		t.Errorf("the test sees nothing: %v %s", err, mine.Text())
	}
}
