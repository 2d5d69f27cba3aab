package broker

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/providers"

	"sinho/broker/client"
)

// Core §5.4: every claim of a granted scope is present for a person who has it,
// with the right type.
func TestEveryClaimOfAGrantedScopeIsInUserinfoWithItsType(t *testing.T) {
	w := tokenWorld(t)
	tok := w.spend("rotating", w.browser().login("naver", at("rotating", "scope", "openid profile email phone address")...))
	got := w.wantInfo(tok.Access, http.StatusOK)
	want := map[string]any{
		"sub": w.payload(tok.IDToken)["sub"], "assurance": "asserted", "provider": "naver",
		"name": "홍길동", "given_name": "길동", "family_name": "홍", "middle_name": "중", "nickname": "길동이", "preferred_username": "gildong",
		"profile": "https://img.example/me", "picture": "https://img.example/1.png", "website": "https://hong.example", "gender": "male",
		"birthdate": "1990-05-12", "zoneinfo": "Asia/Seoul", "locale": "ko-KR", "updated_at": float64(w.clock.Now().Unix()),
		"email": "hong@example.com", "email_verified": true, "phone_number": "+821000000000", "phone_number_verified": true,
		"address": map[string]any{"formatted": "서울", "country": "KR"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("userinfo (-want +got):\n%s", diff)
	}
}

// Core §5.4: one scope gives its claims and no other.
func TestAScopeGivesItsClaimsAndNoOther(t *testing.T) {
	w := tokenWorld(t)
	for scope, want := range map[string][]string{
		"openid": {"assurance", "provider", "sub"}, "openid email": {"assurance", "email", "email_verified", "provider", "sub"},
		"openid phone": {"assurance", "phone_number", "phone_number_verified", "provider", "sub"}, "openid address": {"address", "assurance", "provider", "sub"},
		"openid identity": {"assurance", "provider", "sub"}, // asserted only
	} {
		tok := w.spend("rotating", w.browser().login("naver", at("rotating", "scope", scope)...))
		var got []string
		for name := range w.wantInfo(tok.Access, http.StatusOK) {
			got = append(got, name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("scope %s (-want +got):\n%s", scope, diff)
		}
	}
}

// A claim that is not known of a person is absent, not empty (Core §5.3.2).
func TestUnknownClaimsAreAbsent(t *testing.T) {
	w := tokenWorld(t)
	w.naver.who.Email, w.naver.who.Phone, w.naver.who.Address, w.naver.who.Nickname = "", "", nil, ""
	tok := w.spend("rotating", w.browser().login("naver", at("rotating", "scope", "openid profile email phone address")...))
	got := w.wantInfo(tok.Access, http.StatusOK)
	for _, name := range []string{"email", "email_verified", "phone_number", "phone_number_verified", "address", "nickname"} {
		if value, is := got[name]; is {
			t.Errorf("%s is %v, want it absent", name, value)
		}
	}
}

// docs/decisions/0022: verified attributes, never for an asserted login, and
// never CI.
func TestTheIdentityScopeGivesVerifiedAttributesOnly(t *testing.T) {
	w := tokenWorld(t)
	location := w.browser().asking("pass", func(*request) {}, at("rotating", "scope", "openid identity")...)
	tok := w.spend("rotating", location)
	got := w.wantInfo(tok.Access, http.StatusOK)
	want := map[string]any{
		"name": "홍길동", "birthdate": "1990-05-12", "gender": "male", "phone_number": "+821000000000", "carrier": "SKT_MVNO",
		"foreigner": false, "verified_at": float64(w.payload(tok.IDToken)["auth_time"].(float64)),
	}
	if diff := cmp.Diff(want, got["identity"]); diff != "" || got["assurance"] != "verified" {
		t.Errorf("got %v (-want +got):\n%s", got, diff)
	}
	if body := w.info(tok.Access).Body.String(); strings.Contains(body, aCI.Reveal()) {
		t.Error("CI went out")
	}
	rival := w.spend("rival", w.browser().asking("pass", func(q *request) { q.Wants.Userinfo = claimNamed("identity") }, at("rival", "scope", "openid identity")...))
	if got := w.wantInfo(rival.Access, http.StatusOK); got["identity"] != nil || got["provider"] != nil || strings.Contains(rival.Scope, "identity") {
		t.Errorf("a client that may not have it: got %v with scope %q", got, rival.Scope)
	}
}

// What is only asserted beside verified values is not among them, nor is anything
// of an agency's answer whose origin is not told.
func TestAssertedValuesStayOutOfTheIdentityClaim(t *testing.T) {
	w := tokenWorld(t)
	verified, asserted := providers.Origin{Source: providers.FromResult, Assurance: providers.Verified}, providers.Origin{Source: providers.FromProfile, Assurance: providers.Asserted}
	w.pass.who.Origins = providers.Origins("").
		With(verified, providers.AttrName, providers.AttrBirthdate).With(asserted, providers.AttrPhone, providers.AttrForeigner)
	tok := w.spend("rotating", w.browser().asking("pass", func(*request) {}, at("rotating", "scope", "openid identity phone")...))
	got := w.wantInfo(tok.Access, http.StatusOK)
	want := map[string]any{
		"name": "홍길동", "birthdate": "1990-05-12", "verified_at": float64(w.payload(tok.IDToken)["auth_time"].(float64)),
	}
	if diff := cmp.Diff(want, got["identity"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got["phone_number"] != "+821000000000" {
		t.Errorf("got phone %v, want it told as asserted all the same", got["phone_number"])
	}
}

// Core §5.5: claims asked for one by one, kept apart for ID token and userinfo.
func TestClaimsAskedForOneByOneGoWhereTheyWereAskedFor(t *testing.T) {
	w := tokenWorld(t)
	tok := w.spend("rotating", w.browser().asking("naver", func(q *request) {
		q.Wants.IDToken = claimsNamed("email", "email_verified", "updated_at", "assurance", "acr", "sub")
		q.Wants.Userinfo = claimsNamed("name", "acr", "auth_time")
	}, at("rotating", "scope", "openid")...))
	id, info := w.payload(tok.IDToken), w.wantInfo(tok.Access, http.StatusOK)
	for name, want := range map[string]any{
		"email": "hong@example.com", "email_verified": true, "updated_at": float64(w.clock.Now().Unix()), "assurance": "asserted",
		"acr": ACRAsserted, "name": nil, "phone_number": nil,
	} {
		if id[name] != want {
			t.Errorf("ID token %s: got %v, want %v", name, id[name], want)
		}
	}
	for name, want := range map[string]any{"name": "홍길동", "acr": ACRAsserted, "auth_time": id["auth_time"], "email": nil} {
		if info[name] != want {
			t.Errorf("userinfo %s: got %v, want %v", name, info[name], want)
		}
	}
	if info["sub"] != id["sub"] {
		t.Error("two subjects")
	}
	plain := w.spend("plain", w.browser().asking("naver", func(q *request) { q.Wants.Userinfo = claimsNamed("phone_number", "email") }, at("plain", "scope", "openid")...))
	if got := w.wantInfo(plain.Access, http.StatusOK); got["phone_number"] != nil || got["email"] != "hong@example.com" {
		t.Errorf("a client that may have e-mail only: got %v", got)
	}
}

// Core §5.5.1: a claim with another value than the one asked for is left out.
func TestAClaimWithAnotherValueIsLeftOut(t *testing.T) {
	w := tokenWorld(t)
	for name, tc := range map[string]struct {
		must demand
		want any // of the claim in userinfo
	}{
		"the value":            {demand{Claim: "birthdate", Values: []string{"2000-01-01", "1990-05-12"}, Userinfo: true}, "1990-05-12"},
		"another value":        {demand{Claim: "birthdate", Values: []string{"2000-01-01"}, Userinfo: true}, nil},
		"a boolean":            {demand{Claim: "email_verified", Values: []string{"true"}, Userinfo: true}, true},
		"another boolean":      {demand{Claim: "email_verified", Values: []string{"false"}, Userinfo: true}, nil},
		"acr":                  {demand{Claim: "acr", Values: []string{ACRVerified}, Userinfo: true}, nil},
		"one of the ID token":  {demand{Claim: "birthdate", Values: []string{"2000-01-01"}}, "1990-05-12"},
		"a value for an empty": {demand{Claim: "carrier", Values: []string{""}, Userinfo: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tok := w.spend("rotating", w.browser().asking("naver", func(q *request) {
				q.Wants = wants{Userinfo: claimNamed(tc.must.Claim), Must: []demand{tc.must}}
			}, at("rotating", "scope", "openid profile email")...))
			if got := w.wantInfo(tok.Access, http.StatusOK)[tc.must.Claim]; got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// Which provider was used reaches a site only if it is configured for it.
func TestTheProviderIsToldToClientsThatAreConfiguredForIt(t *testing.T) {
	w := tokenWorld(t)
	for id, want := range map[string]any{"rotating": "naver", "rival": nil} {
		tok := w.spend(id, w.browser().asking("naver", func(q *request) {
			q.Wants.IDToken, q.Wants.Userinfo = claimProvider, claimProvider
		}, at(id, "scope", "openid")...))
		if got := w.payload(tok.IDToken)["provider"]; got != want {
			t.Errorf("%s, ID token: got %v, want %v", id, got, want)
		}
		if got := w.wantInfo(tok.Access, http.StatusOK)["provider"]; got != want {
			t.Errorf("%s, userinfo: got %v, want %v", id, got, want)
		}
	}
}

// Every name of claimNames is one that can be given.
func TestEveryClaimNameHasItsClaim(t *testing.T) {
	g := wideGrant()
	g.Wants = wants{Userinfo: ^claimSet(0)}
	w := tokenWorld(t)
	g.Who = w.pass.who
	g.Who.Provider = "pass"
	c := client.Client{ID: "x", Scopes: everyScope, TellProvider: true}
	rec := newJSON(t, g.userClaims(c, scopeOpenID, "sub"))
	got := decode[map[string]any](t, rec)
	for _, name := range claimNames {
		if got[name] == nil {
			t.Errorf("no claim %s", name)
		}
	}
	if len(got) != len(claimNames) {
		t.Errorf("got %d claims, want %d: %v", len(got), len(claimNames), got)
	}
}

// RFC 8707 §2: a token for another resource opens nothing here.
func TestATokenForAnotherResourceIsNotForUserinfo(t *testing.T) {
	w := tokenWorld(t)
	tok := w.spend("rotating", w.browser().asking("naver", func(q *request) { q.Resources = []string{apiResource} }, at("rotating")...))
	w.store.waited()
	w.wantInfo(tok.Access, http.StatusUnauthorized)
	if n := w.store.waited(); n != 0 {
		t.Errorf("got %d store waits, want 0", n)
	}
	a, err := w.b.openAccess(tok.Access)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := w.b.live(t.Context(), &a); err != nil || strings.Contains(string(body), "name") {
		t.Errorf("got %s %v inside, want the subject only: others will hold it", body, err)
	}
	both := w.spend("rotating", w.browser().asking("naver", func(q *request) { q.Resources = []string{apiResource, issuer} }, at("rotating")...))
	w.wantInfo(both.Access, http.StatusOK)
}
