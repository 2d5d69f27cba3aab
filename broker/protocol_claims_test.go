package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sinho/broker/client"
	"sinho/providers"
)

// The claims parameter (OpenID Connect Core §5.5).

// wanted is what the request behind r wants.
func (br *browser) wanted(changes ...string) request {
	br.w.t.Helper()
	r := br.chooser(changes...)
	q, _, p := br.b.openRequest(br.request("GET", "/login", nil), r)
	if p != nil {
		br.w.t.Fatal(p)
	}
	return q
}

func TestClaimsAreReadForIDTokenAndUserinfoApart(t *testing.T) {
	w := protocolWorld(t)
	q := w.browser().wanted("claims", `{
		"id_token": {"email": null, "birthdate": {"essential": true}, "http://example.com/unknown": {"essential": true}, "phone_number": {}},
		"userinfo": {"name": {"essential": true, "value": "홍길동"}, "email_verified": {"value": true}, "gender": {"values": ["male", "female"]}},
		"other": {"name": 5}
	}`)
	want := wants{
		IDToken:  claimNamed("email") | claimNamed("birthdate") | claimNamed("phone_number"),
		Userinfo: claimNamed("name") | claimNamed("email_verified") | claimNamed("gender"),
		Must: []demand{
			{Claim: "email_verified", Values: []string{"true"}, Userinfo: true},
			{Claim: "gender", Values: []string{"male", "female"}, Userinfo: true},
			{Claim: "name", Values: []string{"홍길동"}, Essential: true, Userinfo: true},
		},
	}
	if diff := cmp.Diff(want, q.Wants); diff != "" {
		t.Errorf("wants (-want +got):\n%s", diff)
	}
}

func TestClaimsThatCannotBeReadAreRefused(t *testing.T) {
	w := protocolWorld(t)
	values := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"v",`, n), ",") }
	for name, claims := range map[string]string{
		"no JSON":                 `{"id_token":`,
		"something behind":        `{}{}`,
		"a list":                  `[]`,
		"a number":                `1`,
		"a name twice":            `{"id_token":{"name":null,"name":{"essential":true}}}`,
		"a member twice":          `{"id_token":{},"id_token":{}}`,
		"a name twice, escaped":   `{"id_token":{"name":null,"na\u006de":null}}`,
		"too deep":                `{"x":{"a":{"b":{"c":{"d":{}}}}}}`,
		"id_token a list":         `{"id_token":[]}`,
		"a claim true":            `{"id_token":{"name":true}}`,
		"essential a text":        `{"id_token":{"name":{"essential":"true"}}}`,
		"values an object":        `{"id_token":{"name":{"values":{}}}}`,
		"values empty":            `{"id_token":{"name":{"values":[]}}}`,
		"a value that is a list":  `{"id_token":{"name":{"value":[]}}}`,
		"a value too long":        fmt.Sprintf(`{"id_token":{"name":{"value":%q}}}`, strings.Repeat("x", 201)),
		"seventeen values":        `{"id_token":{"name":{"values":[` + values(17) + `]}}}`,
		"sixteen and one":         `{"id_token":{"name":{"value":"v","values":[` + values(16) + `]}}}`,
		"over 2 KB":               `{"id_token":{}` + strings.Repeat(" ", 2048) + `}`,
		"half a character":        "{\"id_token\":{\"name\":{\"value\":\"\xff\"}}}",
		"a claim not for clients": `{"id_token":{"identity":{"essential":true,"value":"x"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			refusedWith(t, w.browser().ask("claims", claims), "invalid_request")
		})
	}
	for name, claims := range map[string]string{
		"nothing asked": `{}`, "empty members": `{"id_token":{},"userinfo":null}`, "sixteen values": `{"id_token":{"name":{"values":[` + values(16) + `]}}}`,
		"a claim that is not for the client, as a wish": `{"id_token":{"identity":{"essential":true},"provider":null}}`,
		"five deep": `{"x":{"a":{"b":{"c":{}}}}}`, "an unknown claim of any shape": `{"userinfo":{"verified_claims":{"claims":[]},"x":7}}`,
	} {
		q := w.browser().wanted("claims", claims)
		if q.Wants.IDToken|q.Wants.Userinfo != 0 && name != "sixteen values" {
			t.Errorf("%s: got %+v, want nothing", name, q.Wants)
		}
	}
}

func TestClaimsOfAClientAreThoseOfItsScopes(t *testing.T) {
	w := protocolWorld(t, func(c *client.Client) {
		c.Scopes, c.TellProvider = []string{"openid", "email", "identity"}, true
	})
	all := `{"id_token":{"name":null,"email":null,"email_verified":null,"phone_number":null,"address":null,"identity":null,"provider":null,"sub":null,"acr":null,"assurance":null,"updated_at":null}}`
	q := w.browser().wanted("claims", all)
	var got []string
	for i, name := range claimNames {
		if q.Wants.IDToken&(1<<i) != 0 {
			got = append(got, name)
		}
	}
	if want := []string{"email", "email_verified", "identity", "sub", "acr", "assurance", "provider"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestClaimsThatAreEssentialAndAnothersAreAnErrorAndNeverALogin(t *testing.T) {
	for _, c := range []struct {
		name, claims, want string
	}{
		{"the right birthdate", `{"id_token":{"birthdate":{"essential":true,"value":"1990-05-12"}}}`, ""},
		{"another birthdate", `{"id_token":{"birthdate":{"essential":true,"value":"1990-05-13"}}}`, "access_denied"},
		{"one of several", `{"userinfo":{"birthdate":{"essential":true,"values":["1990-05-13","1990-05-12"]}}}`, ""},
		{"none of several", `{"userinfo":{"birthdate":{"essential":true,"values":["1990-05-13","1990-05-14"]}}}`, "access_denied"},
		{"another as a wish", `{"id_token":{"birthdate":{"value":"1990-05-13"}}}`, ""},
		{"the right name", `{"userinfo":{"name":{"essential":true,"value":"홍길동"}}}`, ""},
		{"another name", `{"userinfo":{"name":{"essential":true,"value":"홍길순"}}}`, "access_denied"},
		{"another phone", `{"id_token":{"phone_number":{"essential":true,"value":"+821099999999"}}}`, "access_denied"},
		{"another gender", `{"id_token":{"gender":{"essential":true,"value":"female"}}}`, "access_denied"},
		{"another e-mail", `{"id_token":{"email":{"essential":true,"value":"other@example.com"}}}`, "access_denied"},
		{"an unverified e-mail", `{"id_token":{"email_verified":{"essential":true,"value":true}}}`, "access_denied"},
		{"a verified phone", `{"id_token":{"phone_number_verified":{"essential":true,"value":true}}}`, ""},
		{"a value of a claim nobody has", `{"id_token":{"website":{"essential":true,"value":""}}}`, "access_denied"},
		{"essential without a value, not there", `{"id_token":{"website":{"essential":true}}}`, ""},
		{"a higher assurance", `{"id_token":{"assurance":{"essential":true,"value":"verified"}}}`, "access_denied"},
		{"another sub", `{"id_token":{"sub":{"value":"nobody"}}}`, "login_required"},
		{"none of several subs", `{"id_token":{"sub":{"values":["nobody","none"]}}}`, "login_required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := protocolWorld(t)
			br := w.browser()
			to := must2(t)(br.begin(br.chooser("claims", c.claims), "naver", nil))
			got := query(t, must2(t)(br.finish("naver", approve(t, to.Redirect))).Redirect)
			if got.Get("error") != c.want || got.Has("code") != (c.want == "") || got.Get("state") != "the-state" || got.Get("iss") != issuer {
				t.Errorf("got %v, want error %q", got, c.want)
			}
			if c.want != "" && got.Get("error_description") == "" {
				t.Error("got no error_description")
			}
			if n := w.store.waited(); c.want != "" && n != 0 {
				t.Errorf("got %d store waits for a login that is none, want 0", n)
			}
			if _, has := br.cookies["__Host-sinho-s"]; has == (c.want != "") {
				t.Errorf("got a session %v", has)
			}
		})
	}
}

func TestClaimsWithAValueAreHeldAgainstASessionToo(t *testing.T) {
	w := protocolWorld(t)
	br := w.browser()
	mine := w.claims(w.redeem(br.login("naver")))
	another := `{"id_token":{"birthdate":{"essential":true,"value":"1990-05-13"}}}`
	refusedWith(t, br.ask("prompt", "none", "claims", another), "login_required")
	refusedWith(t, br.ask("prompt", "none", "claims", `{"id_token":{"sub":{"value":"nobody"}}}`), "login_required")
	r := br.chooser("claims", another) // whoever it is may log in
	s, err := br.proceed(r)
	w.wantNotice(s, err, NoticeSession)
	right := `{"id_token":{"birthdate":{"essential":true,"value":"1990-05-12"},"sub":{"values":["x","` + mine.Subject + `"]}}}`
	if got := answered(t, br.ask("prompt", "none", "claims", right)); !got.Has("code") {
		t.Errorf("the right person: got %v", got)
	}
	if got := answered(t, br.ask("prompt", "none", "claims", `{"userinfo":{"sub":{"value":"`+mine.Subject+`"}}}`)); !got.Has("code") {
		t.Errorf("the right sub: got %v", got)
	}
}

func TestACRThatIsEssentialIsMetOrAnError(t *testing.T) {
	acr := func(values ...string) string {
		return `{"id_token":{"acr":{"essential":true,"values":["` + strings.Join(values, `","`) + `"]}}}`
	}
	w := protocolWorld(t)
	refusedWith(t, w.browser().ask("claims", acr("urn:nobody:knows")), "unmet_authentication_requirements")
	only := newWorld(t, func(c *Config) { c.Providers = c.Providers[:2] }) // nobody verifies
	refusedWith(t, only.browser().ask("claims", acr(ACRVerified)), "unmet_authentication_requirements")

	br := w.browser()
	r := br.chooser("claims", acr(ACRVerified))
	if l, err := br.resume(r); err != nil || len(l.Routes) != 1 || l.Routes[0].ID != "pass" {
		t.Errorf("got routes %+v %v, want pass alone", l.Routes, err)
	}
	w.pass.set(func() { w.pass.progress, w.pass.who.Assurance = providers.Approved, providers.Asserted }) // worth less than configured
	to := must2(t)(br.begin(r, "pass", contact))
	got := query(t, must2(t)(br.waiting(strings.TrimPrefix(to.Redirect, "/wait/"))).Redirect)
	if got.Get("error") != "unmet_authentication_requirements" || got.Has("code") {
		t.Errorf("got %v, want an error", got)
	}

	w = protocolWorld(t)
	br = w.browser()
	site := pushed(t, w, br, "claims", acr("urn:nobody:knows", ACRVerified))
	if c := w.claims(w.redeem(site)); c.ACR != ACRVerified {
		t.Errorf("got acr %q, want the one that was asked for", c.ACR)
	}
	if got := answered(t, br.ask("prompt", "none", "claims", acr(ACRVerified))); !got.Has("code") {
		t.Errorf("by the session: got %v", got)
	}
	refusedWith(t, br.ask("prompt", "none", "claims", acr(ACRVerifiedFresh)), "login_required")
}

func FuzzClaimsParameter(f *testing.F) {
	for _, seed := range []string{
		`{"id_token":{"birthdate":{"essential":true,"value":"1990-05-12"}},"userinfo":{"name":null}}`, `{"id_token":{"acr":{"essential":true,"values":["` + ACRVerified + `"]}}}`,
		`{"id_token":{"sub":{"value":"x"},"auth_time":{"essential":true}}}`, `{"userinfo":{"name":{"value":1e999}}}`, `{"id_token":{"name":{"values":["a",1,true]}}}`,
		`{"id_token":{"name":null,"name":null}}`, `[[[[[[]]]]]]`, `{"":{"":{}}}`, `null`, `{"id_token":{"\u0000":{}}}`, "\xff", `{"id_token":{"address":{"value":"x"}}}`, `"`, `{}{`,
	} {
		f.Add(seed)
	}
	w := protocolWorld(f)
	c, _ := w.b.clients.Lookup("booking")
	f.Fuzz(func(t *testing.T, text string) {
		q := request{ID: id{1}, Client: "booking", RedirectURI: callback, MaxAge: -1}
		if bad := q.readClaims(c, text); bad != nil {
			if bad.code == "" || bad.desc == "" {
				t.Errorf("%q: refused without a word", text)
			}
			return
		}
		if len(text) > maxClaims {
			return // judged before
		}
		var again request
		if err := again.unmarshal(q.marshal()); err != nil || !cmp.Equal(q.Wants, again.Wants) {
			t.Errorf("%q: %v, %v", text, err, cmp.Diff(q.Wants, again.Wants))
		}
		for _, m := range q.Wants.Must {
			if len(m.Values) == 0 || len(m.Values) > maxClaimValues || claimNamed(m.Claim) == 0 {
				t.Errorf("%q: got %+v", text, m)
			}
		}
		q.refuses(login{}, "sub")
	})
}
