package broker

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// providerMetadata is OpenID Connect Discovery 1.0 §3, with RFC 9207.
type providerMetadata struct {
	Issuer              string   `json:"issuer"`
	Authorization       string   `json:"authorization_endpoint"`
	Token               string   `json:"token_endpoint"`
	Userinfo            string   `json:"userinfo_endpoint"`
	JWKS                string   `json:"jwks_uri"`
	EndSession          string   `json:"end_session_endpoint"`
	Scopes              []string `json:"scopes_supported"`
	ResponseTypes       []string `json:"response_types_supported"`
	ResponseModes       []string `json:"response_modes_supported"`
	GrantTypes          []string `json:"grant_types_supported"`
	SubjectTypes        []string `json:"subject_types_supported"`
	SigningAlgorithms   []string `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods    []string `json:"token_endpoint_auth_methods_supported"`
	ChallengeMethods    []string `json:"code_challenge_methods_supported"`
	ACRValues           []string `json:"acr_values_supported"`
	ClaimTypes          []string `json:"claim_types_supported"`
	Claims              []string `json:"claims_supported"`
	Locales             []string `json:"ui_locales_supported"`
	ClaimsParameter     bool     `json:"claims_parameter_supported"`
	RequestParameter    bool     `json:"request_parameter_supported"`
	RequestURIParameter bool     `json:"request_uri_parameter_supported"`
	ResponseISS         bool     `json:"authorization_response_iss_parameter_supported"`
	BackLogout          bool     `json:"backchannel_logout_supported"`
	BackLogoutSession   bool     `json:"backchannel_logout_session_supported"`
	FrontLogout         bool     `json:"frontchannel_logout_supported"`
	FrontLogoutSession  bool     `json:"frontchannel_logout_session_supported"`
}

func (b *Broker) discovery() ([]byte, error) {
	return json.Marshal(&providerMetadata{
		Issuer:            b.issuer,
		Authorization:     b.issuer + "/authorize",
		Token:             b.issuer + "/token",
		Userinfo:          b.issuer + "/userinfo",
		JWKS:              b.issuer + "/jwks",
		EndSession:        b.issuer + "/logout",
		Scopes:            scopeNames[:4],
		ResponseTypes:     []string{"code"},
		ResponseModes:     []string{"query"},
		GrantTypes:        []string{"authorization_code"},
		SubjectTypes:      []string{"pairwise", "public"},
		SigningAlgorithms: b.keys.Algorithms(),
		TokenAuthMethods:  []string{"client_secret_basic", "client_secret_post", "none"},
		ChallengeMethods:  []string{"S256"},
		ACRValues:         []string{ACRAsserted, ACRVerified},
		ClaimTypes:        []string{"normal"},
		Claims: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "sid", "at_hash", "txn", "assurance",
			"name", "nickname", "picture", "gender", "birthdate", "updated_at",
			"email", "email_verified", "phone_number", "phone_number_verified",
		},
		Locales:     []string{"ko", "en"},
		ResponseISS: true,
		BackLogout:  b.hooks.Tell != nil, BackLogoutSession: b.hooks.Tell != nil,
		FrontLogout: true, FrontLogoutSession: true,
	})
}

// cacheable serves public bytes that change with the program or its keys only.
func cacheable(body func() []byte) http.HandlerFunc {
	age := fmt.Sprintf("public, max-age=%d", int(JWKSAge.Seconds()))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", age)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		writeBody(w, http.StatusOK, body())
	}
}
