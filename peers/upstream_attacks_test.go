package peers

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sinho/citizen"
)

// misdeed is something that a provider, or somebody on the way, does to a login.
type misdeed struct {
	meddling
	back func(url.Values) // changes what the browser brings back
	refusal
}

// bad is the usual refusal: not believed, and one more tap.
func bad(code string) refusal { return refusal{"bad-code", code, "again"} }

// claimed are the lies that an ID token can tell, and the code of each.
func claimed(client string) map[string]struct {
	change func(map[string]any)
	code   string
} {
	type lie = struct {
		change func(map[string]any)
		code   string
	}
	set := func(claim string, value any, code string) lie {
		return lie{func(c map[string]any) { c[claim] = value }, code}
	}
	without := func(claim, code string) lie { return lie{func(c map[string]any) { delete(c, claim) }, code} }
	now := time.Now()
	return map[string]lie{
		"iss of another":       set("iss", "https://elsewhere.example", "id-token"),
		"iss with a slash":     {func(c map[string]any) { c["iss"] = c["iss"].(string) + "/" }, "id-token"},
		"no iss":               without("iss", "id-token"),
		"aud of another":       set("aud", "other", "id-token"),
		"no aud":               without("aud", "id-token"),
		"two aud and no azp":   {func(c map[string]any) { c["aud"] = []string{client, "other"}; delete(c, "azp") }, "azp"},
		"azp of another":       set("azp", "other", "azp"),
		"nonce of another":     set("nonce", "replayed", "nonce"),
		"no nonce":             without("nonce", "nonce"),
		"expired":              set("exp", now.Add(-time.Minute).Unix(), "id-token"),
		"no exp":               without("exp", "id-token"),
		"no iat":               without("iat", "iat"),
		"iat in an hour":       set("iat", now.Add(time.Hour).Unix(), "iat"),
		"auth_time in an hour": set("auth_time", now.Add(time.Hour).Unix(), "auth-time"),
		"no sub":               without("sub", "sub"),
		"an empty sub":         set("sub", "", "sub"),
		"sub of another":       set("sub", "somebody", "sub-mismatch"), // userinfo is still honest
		"at_hash of another":   set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA", "at-hash"),
	}
}

// unsigned is a token with this header and no signature.
func unsigned(header string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString(payload) + "."
}

// forged are the ways to sign a token that nobody may believe. Its claims are
// what they should be.
func (s *station) forged(t *testing.T) map[string]misdeed {
	theirs := signingKey(t, s.upstream.alg)
	public := func() []byte {
		der, err := x509.MarshalPKIXPublicKey(s.published().Key)
		if err != nil {
			t.Error(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	sign := func(code string, forge func(claims map[string]any) string) misdeed {
		return misdeed{meddling: s.signs(forge), refusal: bad(code)}
	}
	return map[string]misdeed{
		"alg none":            sign("id-token", func(c map[string]any) string { return unsigned(`{"alg":"none"}`, c) }),
		"alg nOnE with a kid": sign("id-token", func(c map[string]any) string { return unsigned(`{"alg":"nOnE","kid":"`+s.own.KeyID+`"}`, c) }),
		"HS256 with the published key": sign("id-token", func(c map[string]any) string {
			return s.sign(jose.HS256, public(), s.published().KeyID, c)
		}),
		"HS256 with the client's secret": sign("id-token", func(c map[string]any) string {
			return s.sign(jose.HS256, []byte(s.secret), "", c)
		}),
		"the right kid and another key": sign("signature", func(c map[string]any) string {
			return s.sign(s.between.alg, theirs, s.published().KeyID, c)
		}),
		"an unknown kid": sign("kid", func(c map[string]any) string { return s.sign(s.between.alg, theirs, "unknown", c) }),
		"no kid":         sign("kid", func(c map[string]any) string { return s.sign(s.between.alg, theirs, "", c) }),
		"an algorithm it does not use": sign("id-token", func(c map[string]any) string {
			return s.sign(jose.EdDSA, signingKey(t, "EdDSA"), s.published().KeyID, c)
		}),
		"claims changed after signing": {meddling: meddling{tokens: func(doc map[string]any) {
			parts := strings.Split(doc["id_token"].(string), ".")
			raw, err := base64.RawURLEncoding.DecodeString(parts[1])
			if err != nil {
				t.Error(err)
			}
			var c map[string]any
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Error(err)
			}
			c["sub"] = "somebody"
			doc["id_token"] = parts[0] + strings.TrimSuffix(unsigned("", c), ".") + "." + parts[2]
		}}, refusal: bad("signature")},
	}
}

// misdeeds are all of them but those of the ID token's making.
func (s *station) misdeeds(t *testing.T) map[string]misdeed {
	earlier, _ := s.last()
	// An upstream that first sends people to its login page sees the question twice,
	// so what is changed in it is always the same.
	all := map[string]misdeed{
		// Signed by the upstream itself: with a nonce that was changed on the way, of
		// an earlier login, and for another client of it.
		"a nonce changed on the way":     {meddling: meddling{authorize: func(q url.Values) { q.Set("nonce", "another") }}, refusal: bad("nonce")},
		"an earlier ID token":            {meddling: meddling{tokens: func(doc map[string]any) { doc["id_token"] = earlier }}, refusal: bad("nonce")},
		"a login for another client":     {meddling: meddling{client: "other"}, refusal: bad("id-token")},
		"a challenge changed on the way": {meddling: meddling{authorize: func(q url.Values) { q.Set("code_challenge", strings.Repeat("A", 43)) }}, refusal: bad("invalid_grant")},
		"a verifier changed on the way":  {meddling: meddling{token: func(form url.Values) { form.Set("code_verifier", spoiled(form.Get("code_verifier"))) }}, refusal: bad("invalid_grant")},
		"no ID token":                    {meddling: meddling{tokens: func(doc map[string]any) { delete(doc, "id_token") }}, refusal: refusal{"configuration", "no-id-token", "setup"}},
		"not a token":                    {meddling: meddling{tokens: func(doc map[string]any) { doc["id_token"] = "nonsense" }}, refusal: bad("id-token")},
		"a token type of its own":        {meddling: meddling{tokens: func(doc map[string]any) { doc["token_type"] = "mac" }}, refusal: refusal{"down", "token-type", "failed"}},
		"no access token":                {meddling: meddling{tokens: func(doc map[string]any) { delete(doc, "access_token") }}, refusal: refusal{"down", "token", "failed"}},
		"a token endpoint that fails":    {meddling: meddling{tokenStatus: 503}, refusal: refusal{"down", "http-503", "failed"}},
		"a token endpoint that is busy":  {meddling: meddling{tokenStatus: 429}, refusal: refusal{"throttled", "http-429", "busy"}},
		"userinfo of somebody else":      {meddling: meddling{userinfo: func(c map[string]any) { c["sub"] = "somebody" }}, refusal: bad("sub-mismatch")},
		"userinfo of nobody":             {meddling: meddling{userinfo: func(c map[string]any) { delete(c, "sub") }}, refusal: bad("sub-mismatch")},
		"userinfo that knows no token":   {meddling: meddling{userinfoStatus: 401}, refusal: bad("invalid_grant")},
		"userinfo that fails":            {meddling: meddling{userinfoStatus: 500}, refusal: refusal{"down", "http-500", "failed"}},
		"iss of another in the answer":   {back: func(q url.Values) { q.Set("iss", "https://elsewhere.example") }, refusal: bad("iss")},
		"two iss in the answer":          {back: func(q url.Values) { q["iss"] = []string{s.issuer, s.issuer} }, refusal: bad("parameter")},
		"a code that it never gave":      {back: func(q url.Values) { q.Set("code", spoiled(q.Get("code"))) }, refusal: bad("invalid_grant")},
		"no code":                        {back: func(q url.Values) { q.Del("code") }, refusal: bad("code")},
		"an error that blames us":        {back: func(q url.Values) { q.Del("code"); q.Set("error", "unauthorized_client") }, refusal: refusal{"configuration", "unauthorized_client", "setup"}},
		"an error of its own":            {back: func(q url.Values) { q.Del("code"); q.Set("error", "server_error") }, refusal: refusal{"down", "server_error", "failed"}},
		"an error and a code":            {back: func(q url.Values) { q.Set("error", "access_denied") }, refusal: refusal{"cancelled", "access_denied", "cancelled"}},
	}
	if s.iss {
		all["no iss in the answer"] = misdeed{back: func(q url.Values) { q.Del("iss") }, refusal: bad("iss")}
	}
	for name, one := range claimed("sinho") {
		all["ID token: "+name] = misdeed{meddling: s.says(one.change), refusal: bad(one.code)}
	}
	return all
}

// testMisbehaviour commits every misdeed once; the person, who is back at the
// chooser each time, then goes the same way undisturbed.
func testMisbehaviour(t *testing.T, a *abroad, s *station) {
	t.Run("believed: a token made anew and true", func(t *testing.T) {
		v := a.traveller(t, s, asTwin)
		s.during(s.says(func(map[string]any) {}), func() { v.arrived(v.travel("/login")) })
	})
	all := s.misdeeds(t)
	for name, one := range s.forged(t) {
		all["signed with: "+name] = one
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			v := a.traveller(t, s, asTwin)
			mark := a.broker.out.mark()
			v.onReturn(all[name].back)
			var page *citizen.Page
			s.during(all[name].meddling, func() { page = v.travel("/login") })
			v.turnedBack(page, mark, all[name].refusal)
			v.onReturn(nil)
			v.again(page)
		})
	}
	t.Run("the code of somebody else's login", func(t *testing.T) {
		stolen, err := url.Parse(a.traveller(t, s, asTwin).codeInHand())
		if err != nil {
			t.Fatal(err)
		}
		v := a.traveller(t, s, asTwin)
		mark := a.broker.out.mark()
		v.onReturn(func(q url.Values) { q.Set("code", stolen.Query().Get("code")) })
		page := v.travel("/login")
		v.turnedBack(page, mark, bad("invalid_grant"))
		v.onReturn(nil)
		v.again(page)
	})
}

// testWrongSettings: what an operator gets wrong is told as that.
func testWrongSettings(t *testing.T, a *abroad, s *station) {
	for as, want := range map[string]refusal{
		asLiar:  {"configuration", "issuer", "setup"},
		asWrong: {"configuration", "invalid_client", "setup"},
	} {
		v := a.traveller(t, s, as)
		mark := a.broker.out.mark()
		page := v.travel("/login")
		v.turnedBack(page, mark, want)
		v.as = asTwin // another way with the same request
		v.again(page)
	}
}

// testMixUp: the journey to one upstream ends with the answer of another
// (RFC 9700 section 4.4).
func testMixUp(t *testing.T, a *abroad) {
	for _, from := range upstreams() {
		for _, to := range upstreams() {
			if from.name == to.name {
				continue
			}
			t.Run(from.name+" sends on to "+to.name, func(t *testing.T) {
				honest := a.traveller(t, a.at[to.name], asTwin)
				back, err := url.Parse(honest.codeInHand())
				if err != nil {
					t.Fatal(err)
				}
				v := a.traveller(t, a.at[from.name], asTwin)
				v.onReturn(func(q url.Values) { // the other's answer to our question
					state := q.Get("state")
					clear(q)
					maps.Copy(q, back.Query())
					q.Set("state", state)
				})
				mark, want := a.broker.out.mark(), "iss"
				if !to.iss {
					want = "invalid_grant" // it knows no such code
					if from.iss {
						want = "iss" // it is missing
					}
				}
				page := v.travel("/login")
				v.turnedBack(page, mark, bad(want))

				// The other's answer at the other's own address, in this browser.
				wrong, err := v.Open(t.Context(), back.String())
				if err != nil {
					t.Fatal(err)
				}
				if wrong.Status != http.StatusBadRequest || "http://"+wrong.URL.Host != a.issuer {
					t.Errorf("the answer to somebody else's question ended at %s: %s", where(wrong), says(wrong))
				}
			})
		}
	}
}
