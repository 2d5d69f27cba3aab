package broker

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The metadata (OpenID Connect Discovery 1.0 §3, §4), as the plan Config OP asks
// for it.

// registered are the names of the registry "OAuth Authorization Server Metadata"
// that the specifications we speak have put there.
var registered = []string{
	// RFC 8414 §2
	"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint", "scopes_supported",
	"response_types_supported", "response_modes_supported", "grant_types_supported",
	"token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
	"service_documentation", "ui_locales_supported", "op_policy_uri", "op_tos_uri",
	"revocation_endpoint", "revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
	"introspection_endpoint", "introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
	"code_challenge_methods_supported",
	// OpenID Connect Discovery 1.0 §3
	"userinfo_endpoint", "acr_values_supported", "subject_types_supported",
	"id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported", "request_object_signing_alg_values_supported",
	"display_values_supported", "claim_types_supported", "claims_supported", "claims_locales_supported",
	"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported",
	// The logouts
	"end_session_endpoint", "frontchannel_logout_supported", "frontchannel_logout_session_supported",
	"backchannel_logout_supported", "backchannel_logout_session_supported",
	// RFC 9101 §10.5, RFC 9126 §5, RFC 9207 §3
	"require_signed_request_object", "pushed_authorization_request_endpoint", "require_pushed_authorization_requests",
	"authorization_response_iss_parameter_supported",
}

func TestDiscoveryIsJSONOfRegisteredNames(t *testing.T) {
	var nobody []Ending
	var fail error
	w := newWorld(t, told(&nobody, &fail))
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	if kind := rec.Header().Get("Content-Type"); rec.Code != http.StatusOK || kind != "application/json" {
		t.Errorf("got %d %s, want 200 application/json", rec.Code, kind)
	}
	doc := decode[map[string]any](t, rec)
	for name, value := range doc {
		if !slices.Contains(registered, name) {
			t.Errorf("%s is no registered name", name)
		}
		if list, is := value.([]any); is && len(list) == 0 || value == nil || value == "" {
			t.Errorf("%s is %v: what has no value is left out (Discovery §4.2)", name, value)
		}
	}
	if doc["issuer"] != issuer {
		t.Errorf("got issuer %v, want %s", doc["issuer"], issuer)
	}
	for name, value := range doc {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" && name != "issuer" {
			continue
		}
		u, err := url.Parse(value.(string))
		if err != nil || u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(value.(string), issuer) {
			t.Errorf("%s is %v, want https at the issuer without query and fragment", name, value)
		}
	}
	for _, name := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported", "frontchannel_logout_supported", "frontchannel_logout_session_supported"} {
		if doc[name] != true {
			t.Errorf("%s is %v, want true", name, doc[name])
		}
	}
	if got := newWorld(t).discovered()["backchannel_logout_supported"]; got != false {
		t.Errorf("where nobody is told: got backchannel_logout_supported %v, want false", got)
	}
}

// What discovery names is there: no endpoint answers as an unknown address does.
func TestEveryEndpointOfDiscoveryAnswers(t *testing.T) {
	w := newWorld(t)
	for name, value := range w.discovered() {
		address, is := value.(string)
		if !is || name == "issuer" {
			continue
		}
		found := false
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			rec := httptest.NewRecorder()
			w.h.ServeHTTP(rec, httptest.NewRequest(method, strings.TrimPrefix(address, issuer), nil))
			found = found || rec.Code != http.StatusNotFound && rec.Code != http.StatusMethodNotAllowed
		}
		if !found {
			t.Errorf("nobody answers at %s", address)
		}
	}
}

// RFC 7517: public keys only, each with a kid of its own, a use and one algorithm
// of those that discovery names, and as many as that.
func TestTheKeysAreThoseOfTheAlgorithmsThatDiscoveryNames(t *testing.T) {
	w := tokenWorld(t)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/jwks", nil))
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil || rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v (%v)", rec.Code, rec.Header(), err)
	}
	kids, algorithms := map[any]bool{}, map[any]bool{}
	for _, k := range set.Keys {
		kids[k["kid"]], algorithms[k["alg"]] = true, true
		if k["kid"] == "" || k["use"] != "sig" {
			t.Errorf("got kid %v, use %v", k["kid"], k["use"])
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if k[private] != nil {
				t.Errorf("%v has the member %s", k["kid"], private)
			}
		}
	}
	named, _ := w.discovered()["id_token_signing_alg_values_supported"].([]any)
	if len(kids) != len(set.Keys) || !slices.Contains(named, any("RS256")) || len(named) != len(algorithms) {
		t.Errorf("got %d kids and the algorithms %v of %d keys, discovery names %v", len(kids), algorithms, len(set.Keys), named)
	}
	for _, alg := range named {
		if !algorithms[alg] {
			t.Errorf("there is no key of %v", alg)
		}
	}
}
