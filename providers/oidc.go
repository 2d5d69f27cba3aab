package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// generic is any OpenID Provider that publishes its metadata: the adapter that
// needs no code.
type generic struct{ set Settings }

func oidcKind() kind {
	return kind{
		shape:  Redirect,
		fresh:  FreshRequested,
		scopes: []string{"openid", "profile", "email"},
		algs:   safeAlgorithms(),
		check: func(s Settings) []error {
			var wrong []error
			if err := goodURL(s.Issuer); err != nil {
				wrong = append(wrong, fmt.Errorf("setting Issuer %q %w", s.Issuer, err))
			}
			if s.AssertsCI != (s.CIClaim != "") {
				wrong = append(wrong, errors.New("AssertsCI and CIClaim go together: say which claim carries CI"))
			}
			if s.TrustFramework != "" && s.Assurance != Verified {
				wrong = append(wrong, errors.New("TrustFramework needs Assurance to be Verified"))
			}
			wrong = append(wrong, s.Claims.check(s.CIClaim)...)
			wrong = append(wrong, s.proofChecks()...)
			if s.ResponseMode != "" && s.ResponseMode != "form_post" {
				wrong = append(wrong, fmt.Errorf("ResponseMode %q must be form_post, or nothing", s.ResponseMode))
			}
			return wrong
		},
		make: func(s Settings, l line) (Provider, error) {
			return newCodeFlow(s, l, generic{set: s}, nil), nil
		},
	}
}

// metadata of OpenID Connect Discovery 1.0 section 3 that is used here.
type metadata struct {
	Issuer   string   `json:"issuer"`
	Auth     string   `json:"authorization_endpoint"`
	Token    string   `json:"token_endpoint"`
	Userinfo string   `json:"userinfo_endpoint"`
	Keys     string   `json:"jwks_uri"`
	Algs     []string `json:"id_token_signing_alg_values_supported"`
	Methods  []string `json:"token_endpoint_auth_methods_supported"`
	Iss      maybe    `json:"authorization_response_iss_parameter_supported"`
	Claims   maybe    `json:"claims_parameter_supported"`
	Verifies maybe    `json:"verified_claims_supported"`             // OpenID Identity Assurance 1.0
	Pushed   string   `json:"pushed_authorization_request_endpoint"` // RFC 9126
	MustPush maybe    `json:"require_pushed_authorization_requests"`
	ProofAlg []string `json:"token_endpoint_auth_signing_alg_values_supported"`
}

// discover reads the metadata document. Its issuer must be exactly ours, and
// its endpoints as safe as configured ones.
func (f *codeFlow) discover(ctx context.Context) (endpoints, error) {
	const op = "discover"
	r, err := f.get(ctx, op, f.discovery(), "")
	if err != nil {
		return endpoints{}, err
	}
	if r.status != 200 {
		return endpoints{}, f.status(op, r.status)
	}
	var m metadata
	if !r.decode(&m) {
		return endpoints{}, f.nonsense(op, "metadata")
	}
	if m.Issuer != f.set.Issuer {
		return endpoints{}, f.fail(Configuration, "issuer", fmt.Errorf("%s: the issuer there is %.200q, ours is %q", op, m.Issuer, f.set.Issuer))
	}
	e := endpoints{
		authorize: or(f.set.AuthorizeURL, m.Auth), token: or(f.set.TokenURL, m.Token),
		userinfo: or(f.set.UserinfoURL, m.Userinfo), keys: or(f.set.JWKSURL, m.Keys),
		algs: m.Algs, iss: m.Iss.on, method: f.set.method(m.Methods), proofAlgs: m.ProofAlg,
		verifies: m.Claims.on && m.Verifies.on,
	}
	if !f.set.PlainRequests || m.MustPush.on {
		e.pushed = m.Pushed
	}
	for name, u := range map[string]string{
		"authorization_endpoint": e.authorize, "token_endpoint": e.token, "jwks_uri": e.keys, "userinfo_endpoint": e.userinfo,
		"pushed_authorization_request_endpoint": e.pushed,
	} {
		if u == "" && (name == "userinfo_endpoint" || name == "pushed_authorization_request_endpoint" && !m.MustPush.on) {
			continue
		}
		if err := f.reachable(u); err != nil {
			return endpoints{}, f.fail(Configuration, "metadata", fmt.Errorf("%s: %s %.200q %w", op, name, u, err))
		}
	}
	return e, nil
}

// reachable refuses endpoints on this very machine named by a provider that is
// not on it.
func (f *codeFlow) reachable(u string) error {
	if err := endpointURL(u); err != nil {
		return err
	}
	if isLocal(u) && !isLocal(f.discovery()) {
		return errors.New("must not be a loopback address")
	}
	return nil
}

func (g generic) ask(a Ask, e endpoints) []oauth2.AuthCodeOption {
	var more []oauth2.AuthCodeOption
	set := func(name, value string) {
		if value != "" {
			more = append(more, oauth2.SetAuthURLParam(name, value))
		}
	}
	switch {
	case !a.Fresh || *g.set.Fresh == NoFresh:
	case a.MaxAge > 0 && *g.set.Fresh == FreshProved: // auth_time tells how old it is
		set("max_age", strconv.FormatInt(a.MaxAge, 10))
	default:
		set("prompt", "login")
		set("max_age", "0") // makes auth_time come back
	}
	set("response_mode", g.set.ResponseMode)
	set("acr_values", strings.Join(g.set.ACRValues, " "))
	if g.set.TrustFramework != "" && e.verifies {
		set("claims", g.wanted(e))
	}
	set("ui_locales", a.UILocale)
	set("login_hint", a.LoginHint)
	return more
}

func (generic) redeem(Ask) []oauth2.AuthCodeOption { return nil }

// wanted asks for verified claims under our trust framework (OpenID Connect Core
// 5.5, OpenID Identity Assurance 1.0 section 6), where they are read from.
func (g generic) wanted(e endpoints) string {
	claims := map[string]any{}
	for _, name := range []string{"name", "birthdate", "gender", "phone_number"} {
		claims[name] = nil
	}
	for _, path := range []string{
		g.set.CIClaim, g.set.Claims.Name, g.set.Claims.Birthdate, g.set.Claims.Gender, g.set.Claims.Phone,
		g.set.Claims.Carrier, g.set.Claims.Foreigner, g.set.Claims.DI,
	} {
		if path != "" && !strings.Contains(path, ".") { // a nested one is part of another
			claims[path] = nil
		}
	}
	member := "userinfo"
	if e.userinfo == "" {
		member = "id_token"
	}
	raw, err := json.Marshal(map[string]any{member: map[string]any{"verified_claims": map[string]any{
		"verification": map[string]any{"trust_framework": map[string]any{"value": g.set.TrustFramework}},
		"claims":       claims,
	}}})
	if err != nil {
		return "" // texts alone always marshal
	}
	return string(raw)
}

// refusal has no classes beyond OAuth's; the code may be one the settings know.
func (generic) refusal(r reply) (Class, string) {
	var body struct {
		Error text `json:"error"`
	}
	if !r.decode(&body) {
		return 0, ""
	}
	return 0, string(body.Error)
}

// identify takes the ID token's claims, and userinfo's over them where there is
// such an endpoint.
func (g generic) identify(ctx context.Context, f *codeFlow, e endpoints, access string, t *idToken, id *Identity) error {
	all := t.claims
	var profile claimSet
	if e.userinfo != "" {
		var err error
		if profile, err = f.userinfo(ctx, e.userinfo, access, t.Subject); err != nil {
			return err
		}
		// The ID token's own are not needed any more.
		maps.Copy(all, profile)
	}
	plain := all.mapped(g.set.Claims)
	id.adorn(plain)
	if id.Email = asEmail(string(plain.Email)); id.Email != "" {
		id.EmailVerified = plain.EmailVerified.on
	}
	papers, source := plain, FromIDToken
	if profile != nil {
		source = FromProfile
	}
	id.from(source, Asserted, tells()...)
	if g.set.Assurance == Verified && g.set.TrustFramework != "" {
		if vouched, ok := g.vouched(plain); ok {
			all, papers, source = vouched, vouched.mapped(g.set.Claims), FromVerifiedClaims
		} else {
			id.Assurance, all = Asserted, nil // values as claimed, but nobody's CI
		}
	}
	id.papers(papers)
	if g.set.AssertsCI {
		if err := f.believeCI(id, all.at(g.set.CIClaim)); err != nil {
			return err
		}
	}
	id.from(source, id.Assurance, documented()...)
	if source != FromVerifiedClaims && !id.PhoneVerified {
		id.from(source, Asserted, AttrPhone) // by their own word
	}
	id.slim()
	if lack := f.missing(id); lack != "" {
		return f.fail(Consent, lack, errors.New("identify: a needed value was not shared"))
	}
	return nil
}

// vouched are the claims verified under our trust framework. Nothing plain is
// mixed in: what stands beside them is only asserted.
func (g generic) vouched(c claims) (claimSet, bool) {
	for _, v := range c.VerifiedClaims {
		if string(v.Verification.TrustFramework) == g.set.TrustFramework && len(v.Claims) > 0 {
			return v.Claims, true
		}
	}
	return nil, false
}

// believeCI takes a CI from a provider configured to assert it. A CI that is
// none would make one citizen two: it is refused, not dropped.
func (f *codeFlow) believeCI(id *Identity, raw json.RawMessage) error {
	var value text
	if len(raw) > 0 && json.Unmarshal(raw, &value) != nil {
		return f.nonsense("read CI", "ci")
	}
	if value == "" {
		return nil
	}
	if id.CI = asCI(string(value)); id.CI == (CI{}) {
		return f.nonsense("read CI", "ci")
	}
	return nil
}

// userinfo asks the standard endpoint; its sub must be the ID token's (OpenID
// Connect Core 5.3.2).
func (f *codeFlow) userinfo(ctx context.Context, url, access, subject string) (claimSet, error) {
	const op = "userinfo"
	r, err := f.profile(ctx, op, url, access)
	if err != nil {
		return nil, err
	}
	var all claimSet
	if !r.decode(&all) || all == nil {
		return nil, f.nonsense(op, "userinfo")
	}
	var sub text
	if all.read("sub", &sub); string(sub) != subject {
		return nil, f.stranger(op)
	}
	return all, nil
}

// profile reads a page of the person's own with their access token.
func (f *codeFlow) profile(ctx context.Context, op, url, access string) (reply, error) {
	r, err := f.get(ctx, op, url, access)
	switch {
	case err != nil:
		return reply{}, err
	case r.status == 200:
		return r, nil
	case r.status == 401:
		return reply{}, f.refuse(op, r, "invalid_grant") // the token, not us
	}
	return reply{}, f.refuse(op, r, "")
}

// stranger is a profile of somebody else than the ID token's subject.
func (f *codeFlow) stranger(op string) error {
	return f.fail(BadCode, "sub-mismatch", fmt.Errorf("%s: the profile is of another subject than the ID token", op))
}
