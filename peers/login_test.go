package peers

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sinho/providers/sim"
)

// TestPeers is every library in its site: a login, single sign-on and logout,
// as a confidential and as a public client; what it must refuse; and what it
// speaks beyond that.
func TestPeers(t *testing.T) {
	all, free := peers(), ports(t, len(peers()))
	var parties []party
	for i, one := range all {
		parties = append(parties, one.parties(free[i])...)
		parties = append(parties, featureParties(t, one, free[i])...)
	}
	w := newWorld(t, parties...)
	t.Run("every feature that discovery advertises is walked", func(t *testing.T) { testFeaturesAreKnown(t, w) })
	for _, one := range all {
		t.Run(one.name, func(t *testing.T) {
			t.Run("confidential client", func(t *testing.T) { testWalk(t, w, one, w.parties[one.name]) })
			if !one.confidential {
				t.Run("public client", func(t *testing.T) { testWalk(t, w, one, w.parties[one.name+"-public"]) })
			}
			t.Run("refuses", func(t *testing.T) { testAttacks(t, w, one) })
			testFeatures(t, w, one)
		})
	}
}

// testWalk is a person's day with a site: a login, coming again, logging out.
func testWalk(t *testing.T, w *world, one peer, p party) {
	site := w.serve(t, one, p)
	v := w.visitor(t, p)
	first := v.in()
	w.checkFirst(t, v, first)

	second := v.in() // the site asks anew, the session answers
	if v.chosen() {
		t.Error("the second login showed the chooser, want single sign-on")
	}
	if got, want := second.Claims["sub"], first.Claims["sub"]; got != want {
		t.Errorf("sub by single sign-on: got %v, want %v", got, want)
	}
	if got, want := second.Claims["auth_time"], first.Claims["auth_time"]; got != want {
		t.Errorf("auth_time by single sign-on: got %v, want that of the login, %v", got, want)
	}
	if got, not := second.Claims["nonce"], first.Claims["nonce"]; got == not {
		t.Error("both logins have the same nonce")
	}
	if page := one.silent(v); page.Status != http.StatusOK {
		t.Errorf("prompt=none with a session ends at %s, want the site's page", where(page))
	}

	page := v.press("#logout")
	if got, want := page.URL.Scheme+"://"+page.URL.Host+page.URL.Path, p.start(); got != want || page.Status != http.StatusOK {
		t.Errorf("after logging out the person is at %s, want %s", where(page), want)
	}
	if _, still := page.TextOf("person"); still {
		t.Error("the site still shows somebody who has logged out")
	}
	mark := site.out.mark()
	v.refused(site, mark, one.silent(v), one.log, "login_required")
	if again := v.in(); !v.chosen() || again.Claims["sub"] != first.Claims["sub"] {
		t.Errorf("a login after logout: chooser seen: %v, sub %v; want the chooser and %v", v.chosen(), again.Claims["sub"], first.Claims["sub"])
	}
}

// checkFirst looks at a first login with everything the front has kept of it.
func (w *world) checkFirst(t *testing.T, v *visitor, who person) {
	t.Helper()
	asked := v.question()
	said, _ := w.front.last()
	if !v.chosen() {
		t.Error("a first login showed no chooser")
	}
	access, _ := said.answer["access_token"].(string)
	hash := sha256.Sum256([]byte(access))
	for claim, want := range map[string]any{
		"iss": w.issuer, "aud": v.p.id, "nonce": asked.Get("nonce"),
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	} {
		got := who.Claims[claim]
		if list, ok := got.([]any); ok && len(list) == 1 {
			got = list[0]
		}
		if want == "" || got != want {
			t.Errorf("ID token: %s: got %v, want %v", claim, got, want)
		}
	}
	if sub := who.Claims["sub"]; sub == nil || sub == "" || sub != who.Userinfo["sub"] {
		t.Errorf("sub: ID token %v, userinfo %v; want the same", sub, who.Userinfo["sub"])
	}
	if got, want := who.Userinfo["name"], sim.People()[0].Name; got != want {
		t.Errorf("userinfo: name: got %v, want %v", got, want)
	}
	if name, in := who.Claims["name"]; in {
		t.Errorf("the ID token tells the name %v, want it in userinfo alone", name)
	}
	if asked.Get("code_challenge_method") != "S256" || said.form.Get("code_verifier") == "" {
		t.Errorf("PKCE: method %q, verifier %q; want S256 and one", asked.Get("code_challenge_method"), said.form.Get("code_verifier"))
	}
	if v.p.secret != "" && (!said.basic || said.user != v.p.id) {
		t.Errorf("the client authenticated as %q (Basic: %v), want client_secret_basic as %s", said.user, said.basic, v.p.id)
	}
	if v.p.secret == "" && (said.basic || said.form.Get("client_id") != v.p.id) {
		t.Errorf("the public client sent Basic: %v, client_id %q; want none and %s", said.basic, said.form.Get("client_id"), v.p.id)
	}
	scopes := []string{"openid", "profile", "email"}
	if got := strings.Fields(asked.Get("scope")); !slices.Equal(got, scopes) {
		t.Errorf("scope asked for: %v, want %v", got, scopes)
	}
}
