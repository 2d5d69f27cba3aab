package broker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"sinho/broker/client"
)

// providerMetadata is OpenID Connect Discovery 1.0 §3, with RFC 9207.
type providerMetadata struct {
	Issuer              string   `json:"issuer"`
	Authorization       string   `json:"authorization_endpoint"`
	Pushed              string   `json:"pushed_authorization_request_endpoint"`
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
	TokenAuthAlgorithms []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	Introspection       string   `json:"introspection_endpoint"`
	IntrospectMethods   []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectAlgs      []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	Revocation          string   `json:"revocation_endpoint"`
	RevokeMethods       []string `json:"revocation_endpoint_auth_methods_supported"`
	RevokeAlgs          []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	ChallengeMethods    []string `json:"code_challenge_methods_supported"`
	ACRValues           []string `json:"acr_values_supported"`
	ClaimTypes          []string `json:"claim_types_supported"`
	Claims              []string `json:"claims_supported"`
	Locales             []string `json:"ui_locales_supported"`
	ClaimsParameter     bool     `json:"claims_parameter_supported"`
	RequestAlgorithms   []string `json:"request_object_signing_alg_values_supported"`
	RequestParameter    bool     `json:"request_parameter_supported"`
	RequestURIParameter bool     `json:"request_uri_parameter_supported"`
	ResponseISS         bool     `json:"authorization_response_iss_parameter_supported"`
	BackLogout          bool     `json:"backchannel_logout_supported"`
	BackLogoutSession   bool     `json:"backchannel_logout_session_supported"`
	FrontLogout         bool     `json:"frontchannel_logout_supported"`
	FrontLogoutSession  bool     `json:"frontchannel_logout_session_supported"`
}

func (b *Broker) discovery() ([]byte, error) {
	modes := []string{"query"}
	if b.post != nil {
		modes = append(modes, "form_post")
	}
	return json.Marshal(&providerMetadata{
		Issuer:            b.issuer,
		Authorization:     b.issuer + "/authorize",
		Pushed:            b.issuer + "/par",
		Token:             b.issuer + "/token",
		Userinfo:          b.issuer + "/userinfo",
		JWKS:              b.issuer + "/jwks",
		EndSession:        b.issuer + "/logout",
		Scopes:            scopeNames[:],
		ResponseTypes:     []string{"code"},
		ResponseModes:     modes,
		GrantTypes:        grants,
		SubjectTypes:      []string{"pairwise", "public"},
		SigningAlgorithms: b.keys.Algorithms(),
		TokenAuthMethods:  authMethods, TokenAuthAlgorithms: assertionAlgorithms,
		Introspection: b.issuer + "/introspect", IntrospectMethods: authMethods[:3], IntrospectAlgs: assertionAlgorithms,
		Revocation: b.issuer + "/revoke", RevokeMethods: authMethods, RevokeAlgs: assertionAlgorithms,
		ChallengeMethods: []string{"S256"},
		ACRValues:        acrNames[:],
		ClaimTypes:       []string{"normal"},
		Claims:           slices.Concat([]string{"iss", "aud", "exp", "iat", "nonce", "sid", "at_hash", "txn"}, claimNames[:]),
		Locales:          []string{"ko", "en"},
		ClaimsParameter:  true, RequestParameter: true,
		RequestAlgorithms: []string{client.RS256, client.PS256, client.ES256, client.EdDSA},
		ResponseISS:       true,
		BackLogout:        b.hooks.Tell != nil, BackLogoutSession: b.hooks.Tell != nil,
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
