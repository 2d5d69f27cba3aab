package config

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"sinho/providers"
)

// providers checks each provider by the rules of the adapters themselves.
func (r *review) providers() {
	if len(r.c.Enabled()) == 0 {
		r.wrong("providers", "has none that is enabled", "write one provider at least, so that people can log in")
	}
	r.stranded()
	first := map[string]int{}
	for i, p := range r.c.Providers {
		path := fmt.Sprintf("providers[%d]", i)
		if other, twice := first[p.ID]; twice && p.ID != "" {
			r.wrong(path+".id", fmt.Sprintf("%q is the id of providers[%d] too", p.ID, other), "give each an id of its own; kind says which adapter serves it")
		} else {
			first[p.ID] = i
		}
		if p.Capacity <= 0 || math.IsInf(p.Capacity, 0) || math.IsNaN(p.Capacity) {
			r.wrong(path+".capacity", fmt.Sprintf("%v is not more than 0", p.Capacity), "write how many logins a second it takes, or a weight towards the others; enabled: false leaves it out")
		}
		if p.CapacityCap < 0 || math.IsInf(p.CapacityCap, 0) || math.IsNaN(p.CapacityCap) {
			r.wrong(path+".capacity_cap", fmt.Sprintf("%v is no number of logins", p.CapacityCap), "write how many logins a second the contract allows, or 0 for no bound")
		}
		r.terms(path, p)
		for j, m := range p.Maintenance {
			r.maintenance(fmt.Sprintf("%s.maintenance[%d]", path, j), m)
		}
		r.items(path+".maintenance", len(p.Maintenance), 0, mostMaintenance)
		for _, wrong := range each(p.Settings().Validate()) {
			key, what := inOurWords(wrong.Error())
			r.wrong(path+key, what, providerAdvice(strings.TrimPrefix(key, ".")))
		}
	}
}

// each error of a joined one.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range many.Unwrap() {
			all = append(all, each(one)...)
		}
		return all
	}
	return []error{err}
}

// named are the fields of providers.Settings as its messages spell them.
func named() map[string]string {
	return map[string]string{
		"ID": "id", "Kind": "kind", "Name": "name", "Base": "base", "Issuer": "issuer",
		"DiscoveryURL": "discovery_url", "AuthorizeURL": "authorize_url", "TokenURL": "token_url",
		"UserinfoURL": "userinfo_url", "JWKSURL": "jwks_url", "ClientID": "client_id", "ClientSecret": "secret",
		"Scopes": "scopes", "Algorithms": "algorithms", "AssertsCI": "asserts_ci", "CIClaim": "ci_claim",
		"Assurance": "assurance", "TrustFramework": "trust_framework", "Fresh": "fresh", "Needs": "needs",
		"ResponseMode": "response_mode", "Claims": "claims", "AuthMethod": "auth_method", "PrivateKeyPEM": "private_key",
		"KeyID": "key_id", "AssertionAudience": "assertion_audience", "PlainRequests": "plain_requests", "ProbeToken": "probe_token", "OAuth2": "oauth2", "Errors": "errors", "ACRValues": "acr_values",
		"PublicKeyPEM": "public_key_pem",
	}
}

var fieldName = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// inOurWords turns a message about Go fields into one about keys, and finds
// the key it begins with: ".base" and "is needed".
func inOurWords(message string) (key, what string) {
	names := named()
	what = fieldName.ReplaceAllStringFunc(message, func(w string) string {
		if ours, ok := names[w]; ok {
			if key == "" {
				key = "." + ours
			}
			return ours
		}
		if w == "Verified" {
			return "verified"
		}
		return w
	})
	what = strings.TrimPrefix(what, "setting ")
	if rest, begins := strings.CutPrefix(what, strings.TrimPrefix(key, ".")); begins && key != "" {
		rest = strings.TrimLeft(rest, ": ")
		if !strings.HasPrefix(rest, "and ") {
			what = rest
		}
	}
	return key, what
}

func providerAdvice(key string) string {
	advice := map[string]string{
		"id":             "write a short name, such as kakao",
		"kind":           "write one of " + strings.Join(providers.Kinds(), ", "),
		"name":           "write name: {ko: …, en: …}",
		"base":           "write the vendor's address, such as https://api.example.kr, or remove it where it is not read",
		"issuer":         "write the issuer letter by letter as the provider's metadata has it",
		"client_id":      "write the client_id that the provider gave you",
		"secret":         "write secret_env or secret_file",
		"asserts_ci":     "see docs/config.md on asserts_ci and ci_claim",
		"assurance":      "write asserted, or remove it",
		"public_key_pem": "write the RSA key that Toss publishes, or name its file with public_key_file",
		"needs":          "write some of name, birthdate, gender, phone, email, ci, or remove it",
		"algorithms":     "write some of RS256, ES256, PS256, EdDSA, or remove it",
	}
	if a := advice[key]; a != "" {
		return a
	}
	return "correct it, or remove it; docs/config.md says who reads it"
}
