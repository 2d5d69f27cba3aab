package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// generic is a plain OpenID Provider by the book: discovery, ES256, both ways
// of client authentication, iss in the answer, claims by scope; and
// verified_claims (OpenID Identity Assurance 1.0) by a scope of its own.
type generic struct {
	*flow
	signer *signer
	begun  time.Time
}

const genericDoor = "/authorize"

func newGeneric(s *Sim) (*generic, error) {
	signer, err := newSigner(jose.ES256)
	if err != nil {
		return nil, err
	}
	return &generic{flow: newFlow(s), signer: signer, begun: time.Now()}, nil
}

func (o *generic) names() (ko, en string) { return "연습용 OIDC", "Practice OIDC" }
func (o *generic) home() string           { return genericDoor }

func (o *generic) mount(rt *routes) {
	o.enter(rt, door{
		path: genericDoor, iss: true, strict: true,
		unknownClient: "invalid_client", wrongRedirect: "invalid_redirect_uri",
	})
	rt.cheap("GET /.well-known/openid-configuration", o.discovery)
	rt.cheap("GET /jwks", func(*http.Request) (any, error) { return raw{"application/json", o.signer.keys}, nil })
	rt.leg("POST /token", o.token)
	rt.leg("GET /userinfo", o.userinfo)
	rt.leg("POST /userinfo", o.userinfo)
}

func (o *generic) discovery(*http.Request) (any, error) {
	base := o.sim.cfg.Base
	return map[string]any{
		"issuer":                                base,
		"authorization_endpoint":                base + genericDoor,
		"token_endpoint":                        base + "/token",
		"userinfo_endpoint":                     base + "/userinfo",
		"jwks_uri":                              base + "/jwks",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "phone", "address", VerifiedScope},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"code_challenge_methods_supported":      []string{"S256"},
		"prompt_values_supported":               []string{"none", "login", "consent", "select_account"},
		"claims_supported": []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
			"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
			"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
			"email", "email_verified", "phone_number", "phone_number_verified", "address", "verified_claims",
		},
		"verified_claims_supported":                      true,
		"trust_frameworks_supported":                     []string{TrustFramework},
		"evidence_supported":                             []string{"electronic_record"},
		"electronic_records_supported":                   []string{"population_register"},
		"claims_in_verified_claims_supported":            verifiable(),
		"claims_parameter_supported":                     false,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
		"authorization_response_iss_parameter_supported": true,
	}, nil
}

func (o *generic) subject(person int) string {
	sum := sha256.Sum256([]byte("sinho-sim-oidc-" + strconv.Itoa(person)))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// token always tells auth_time: every login here is an act of its own, so
// max_age and prompt=login are met by the same page.
func (o *generic) token(r *http.Request) (any, error) {
	form := posted(r)
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		if id != "" && secret != "" {
			return nil, o.refuse(http.StatusBadRequest, "invalid_request", "two ways of client authentication at once")
		}
		id, secret = unescape(user), unescape(pass) // RFC 6749 2.3.1
	}
	g, why := o.redeem(form, id, secret, genericDoor)
	switch why {
	case sound:
	case unknownClient, wrongSecret:
		no := o.refuse(http.StatusUnauthorized, "invalid_client", "client authentication failed")
		no.header = map[string]string{"WWW-Authenticate": `Basic realm="sim"`}
		return nil, no
	case unsupportedGrant:
		return nil, o.refuse(http.StatusBadRequest, "unsupported_grant_type", "only authorization_code")
	default:
		return nil, o.refuse(http.StatusBadRequest, "invalid_grant", "code, redirect_uri or code_verifier does not fit")
	}
	access := o.access(g)
	answer := map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": g.scope,
	}
	if has(g.scope, "openid") {
		signed, err := o.signer.token(o.sim.proofClaims(with(o.idClaims(g, o.subject(g.person)), map[string]any{
			"auth_time": g.authTime.Unix(), "at_hash": halfHash(access),
		})))
		if err != nil {
			return nil, err
		}
		answer["id_token"] = signed
	}
	return answer, nil
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func (o *generic) refuse(status int, code, why string) *refusal {
	return &refusal{status: status, body: map[string]any{"error": code, "error_description": why}}
}

func (o *generic) userinfo(r *http.Request) (any, error) {
	g, ok := o.bearer(r)
	if !ok {
		no := o.refuse(http.StatusUnauthorized, "invalid_token", "the access token is unknown or expired")
		no.header = map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`}
		return nil, no
	}
	person := o.sim.shown(g.person)
	claims := map[string]any{"sub": o.subject(person)}
	for scope, more := range o.claims(person) {
		if has(g.scope, scope) && !o.sim.populace().all[person].Shy {
			claims = with(claims, more)
		}
	}
	if o.sim.cfg.SendCI || o.sim.odd(QuirkCI) {
		claims["ci"] = o.sim.populace().all[person].CI
	}
	if v, there := claims["verified_claims"]; there && o.sim.odd(QuirkList) {
		claims["verified_claims"] = []any{map[string]any{"verification": map[string]any{"trust_framework": "another"}, "claims": map[string]any{"name": "다른 이름"}}, v}
	}
	return o.sim.twist(claims, claims, "birthdate", "phone_number", "phone_number_verified", "picture", "nickname"), nil
}

func (o *generic) trouble(_ string, status int) *refusal {
	code := "server_error"
	if status == http.StatusServiceUnavailable {
		code = "temporarily_unavailable"
	}
	return o.refuse(status, code, "try again later")
}
