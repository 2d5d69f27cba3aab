package sim

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// kakao speaks OpenID Connect with its own KOE error codes, and gives verified
// attributes and CI at /v2/user/me.
type kakao struct {
	*flow
	signer *signer
	// agreed is when the made-up people verified themselves.
	agreed time.Time
}

const kakaoDoor = "/oauth/authorize"

func newKakao(s *Sim) (*kakao, error) {
	signer, err := newSigner(jose.RS256)
	if err != nil {
		return nil, err
	}
	return &kakao{flow: newFlow(s), signer: signer, agreed: time.Date(2021, 8, 9, 11, 0, 0, 0, time.UTC)}, nil
}

func (k *kakao) names() (ko, en string) { return "카카오", "Kakao" }
func (k *kakao) home() string           { return kakaoDoor }

func (k *kakao) mount(rt *routes) {
	k.enter(rt, door{path: kakaoDoor, unknownClient: "KOE101", wrongRedirect: "KOE006"})
	rt.cheap("GET /.well-known/openid-configuration", k.discovery)
	rt.cheap("GET /.well-known/jwks.json", func(*http.Request) (any, error) {
		return raw{"application/json", k.signer.keys}, nil
	})
	rt.leg("POST /oauth/token", k.token)
	rt.leg("GET /v1/oidc/userinfo", k.userinfo)
	rt.leg("POST /v1/oidc/userinfo", k.userinfo)
	rt.leg("GET /v2/user/me", k.me)
	rt.leg("POST /v2/user/me", k.me)
}

func (k *kakao) discovery(*http.Request) (any, error) {
	base := k.sim.cfg.Base
	return map[string]any{
		"issuer":                                base,
		"authorization_endpoint":                base + kakaoDoor,
		"token_endpoint":                        base + "/oauth/token",
		"userinfo_endpoint":                     base + "/v1/oidc/userinfo",
		"jwks_uri":                              base + "/.well-known/jwks.json",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"request_uri_parameter_supported":       false,
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":      []string{"S256"},
		"claims_supported":                      []string{"iss", "aud", "sub", "auth_time", "exp", "iat", "nonce", "nickname", "picture", "email"},
	}, nil
}

// firstID is beyond what a float64 can count in ones, on purpose.
const firstID int64 = 1<<53 + 1

func (k *kakao) id(person int) int64 { return firstID + int64(person) }

func (k *kakao) subject(person int) string { return strconv.FormatInt(k.id(person), 10) }

// profile is what the ID token and the standard userinfo say of a person.
func (k *kakao) profile(person int) map[string]any {
	p := k.sim.populace().all[person]
	return map[string]any{
		"nickname": p.Nickname, "email": p.Email, "picture": k.sim.cfg.Base + "/static/person.svg",
	}
}

func (k *kakao) token(r *http.Request) (any, error) {
	form := posted(r)
	id, secret := form.Get("client_id"), form.Get("client_secret")
	var g grant
	var why fault
	renewing := form.Get("grant_type") == "refresh_token"
	if renewing {
		g, why = k.renew(form, id, secret)
	} else {
		g, why = k.redeem(form, id, secret, kakaoDoor)
	}
	if why != sound {
		return nil, k.word(why)
	}
	scope := g.scope
	if scope == "" {
		scope = "openid" // nothing asked: what the application is set to
	}
	answer := map[string]any{
		"token_type": "bearer", "access_token": k.access(g), "expires_in": int(tokenLife.Seconds()) - 1, "scope": scope,
	}
	if !renewing {
		answer["refresh_token"], answer["refresh_token_expires_in"] = k.renewal(g), int(renewalLife.Seconds())-1
	}
	if has(scope, "openid") { // a request that asks for scopes without openid loses the ID token
		claims := with(k.idClaims(g, k.subject(g.person)), k.profile(g.person))
		claims["auth_time"] = g.authTime.Unix()
		signed, err := k.signer.token(k.sim.proofClaims(claims))
		if err != nil {
			return nil, err
		}
		answer["id_token"] = signed
	}
	return answer, nil
}

func (k *kakao) word(why fault) *refusal {
	status, code, koe, text := http.StatusBadRequest, "invalid_grant", "KOE320", "authorization code not found"
	switch why {
	case unknownClient:
		status, code, koe, text = http.StatusUnauthorized, "invalid_client", "KOE101", "Not exist client_id"
	case wrongSecret:
		status, code, koe, text = http.StatusUnauthorized, "invalid_client", "KOE010", "Bad client credentials"
	case wrongRedirect:
		koe, text = "KOE303", "Redirect URI mismatch."
	case badVerifier:
		text = "code_verifier does not match"
	case unsupportedGrant:
		return &refusal{status: status, body: map[string]any{
			"error": "unsupported_grant_type", "error_description": "grant_type is not supported",
		}}
	case sound, badCode:
	}
	return &refusal{status: status, body: map[string]any{"error": code, "error_description": text, "error_code": koe}}
}

func (k *kakao) userinfo(r *http.Request) (any, error) {
	g, ok := k.bearer(r)
	if !ok {
		return nil, k.noToken()
	}
	return with(k.profile(g.person), map[string]any{"sub": k.subject(g.person), "email_verified": true}), nil
}

func (k *kakao) noToken() *refusal {
	return &refusal{status: http.StatusUnauthorized, body: map[string]any{
		"code": -401, "msg": "this access token does not exist",
	}}
}

func (k *kakao) me(r *http.Request) (any, error) {
	g, ok := k.bearer(r)
	if !ok {
		return nil, k.noToken()
	}
	person := k.sim.shown(g.person)
	p := k.sim.populace().all[person]
	if p.Under14 || k.sim.odd(QuirkUnder14) {
		return nil, &refusal{status: http.StatusBadRequest, body: map[string]any{"code": -406, "msg": "under the age of 14"}}
	}
	phone := "+82 " + p.national()[1:]
	if person%2 == 1 || k.sim.odd(QuirkTrunkZero) {
		phone = "+82 " + p.national() // some accounts keep the trunk zero
	}
	account := map[string]any{
		"profile_nickname_needs_agreement": false,
		"profile":                          map[string]any{"nickname": p.Nickname},
		"name_needs_agreement":             false, "name": p.Name,
		"email_needs_agreement": false, "email": p.Email, "is_email_valid": true, "is_email_verified": true,
		"birthyear_needs_agreement": false, "birthyear": p.year(),
		"birthday_needs_agreement": false, "birthday": p.month() + p.day(), "birthday_type": "SOLAR",
		"gender_needs_agreement": false, "gender": p.Gender,
		"phone_number_needs_agreement": false, "phone_number": phone,
		"ci_needs_agreement": false, "ci": p.CI, "ci_authenticated_at": k.agreed.Format(time.RFC3339),
	}
	if p.Lunar != "" {
		account["birthday"] = p.Lunar
	}
	if p.Lunar != "" || k.sim.odd(QuirkLunar) {
		account["birthday_type"] = "LUNAR"
	}
	for _, name := range k.withheld(p) {
		account[name+"_needs_agreement"] = true
		delete(account, name)
	}
	answer := map[string]any{"id": k.id(person), "kakao_account": account}
	if k.sim.odd(QuirkTypes) {
		answer["id"] = k.subject(person)
	}
	return k.sim.twist(answer, account), nil
}

// withheld are the attributes somebody has not agreed to share.
func (k *kakao) withheld(p Person) []string {
	var names []string
	if p.Shy || k.sim.odd(QuirkWithheld) {
		names = append(names, "name")
	}
	if p.Shy || k.sim.odd(QuirkSparse) {
		names = append(names, "email", "gender", "phone_number")
	}
	if p.Shy {
		names = append(names, "birthyear", "birthday")
	}
	if p.NoCI || p.Shy {
		names = append(names, "ci")
	}
	return names
}

// trouble words a full queue as the quota it is, HTTP 400, unless told not to.
func (k *kakao) trouble(path string, status int) *refusal {
	switch {
	case status == http.StatusServiceUnavailable && !k.sim.cfg.Plain503:
		return &refusal{status: http.StatusBadRequest, body: map[string]any{
			"code": -10, "msg": "API limit has been exceeded.",
		}}
	case strings.HasPrefix(path, "/v"):
		return &refusal{status: status, body: map[string]any{"code": -1, "msg": "internal error"}}
	}
	return &refusal{status: status, body: map[string]any{
		"error": "server_error", "error_description": "internal server error", "error_code": "KOE003",
	}}
}
