package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// clockSkew is how far the issuer's clock may be behind ours.
const clockSkew = time.Minute

// start sends the person to the issuer: POST from the site's own form, GET from
// anywhere (initiate_login_uri). fresh=1 asks for a login made just now.
func (p *party) start(w http.ResponseWriter, r *http.Request) error {
	if iss := r.FormValue("iss"); iss != "" && iss != p.cfg.Issuer {
		return &trouble{status: http.StatusBadRequest, say: sayings["other_issuer"], cause: errors.New("third-party login for another issuer")}
	}
	found, err := p.issuer(r.Context())
	if err != nil {
		return &trouble{status: http.StatusServiceUnavailable, say: sayings["unreachable"], cause: err}
	}
	one := pending{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Began: p.now(), Fresh: r.FormValue("fresh") == "1",
	}
	if err := p.keepPendings(w, append(p.pendings(r), one)); err != nil {
		return err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(one.Nonce), oauth2.S256ChallengeOption(one.Verifier)}
	if one.Fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	http.Redirect(w, r, found.oauth.AuthCodeURL(one.State, options...), http.StatusSeeOther)
	return nil
}

// callback takes the person back: state, issuer (RFC 9207), code, ID token,
// userinfo. A reload after success goes home.
func (p *party) callback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	all := p.pendings(r)
	i := slices.IndexFunc(all, func(one pending) bool { return one.State == q.Get("state") })
	if i < 0 {
		if _, in := p.session(r); in {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return nil
		}
		return &trouble{status: http.StatusBadRequest, say: sayings["unknown_state"]}
	}
	one := all[i]
	if iss := q.Get("iss"); iss != "" && iss != p.cfg.Issuer {
		return &trouble{status: http.StatusBadRequest, say: sayings["other_issuer"], cause: fmt.Errorf("callback of issuer %q", iss)}
	}
	if err := p.keepPendings(w, slices.Delete(all, i, i+1)); err != nil {
		return err
	}
	if code := q.Get("error"); code != "" {
		return refusal(code)
	}
	s, err := p.redeem(r.Context(), one, q.Get("code"))
	if err != nil {
		return err
	}
	if err := p.keepSession(w, s); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// redeem turns the code into a session.
func (p *party) redeem(ctx context.Context, one pending, code string) (session, error) {
	found, err := p.issuer(ctx)
	if err != nil {
		return session{}, &trouble{status: http.StatusServiceUnavailable, say: sayings["unreachable"], cause: err}
	}
	ctx = oidc.ClientContext(ctx, p.cfg.Client)
	token, err := found.oauth.Exchange(ctx, code, oauth2.VerifierOption(one.Verifier))
	if err != nil {
		return session{}, exchangeTrouble(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return session{}, &trouble{status: http.StatusBadGateway, say: sayings["server_error"], cause: errors.New("token answer without an id_token")}
	}
	verified, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return session{}, &trouble{status: http.StatusBadGateway, say: sayings["server_error"], cause: fmt.Errorf("id token: %w", err)}
	}
	known := claims{}
	if err := verified.Claims(&known); err != nil {
		return session{}, fmt.Errorf("claims of the id token: %w", err)
	}
	if known.text("nonce") != one.Nonce {
		return session{}, &trouble{status: http.StatusBadRequest, say: sayings["unknown_state"], cause: errors.New("nonce of another login")}
	}
	if one.Fresh && !known.time("auth_time").After(one.Began.Add(-clockSkew)) {
		return session{}, &trouble{status: http.StatusForbidden, say: sayings["not_fresh"], cause: errors.New("auth_time is before the login that asked for a fresh one")}
	}
	info, err := found.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return session{}, &trouble{status: http.StatusBadGateway, say: sayings["server_error"], cause: fmt.Errorf("userinfo: %w", err)}
	}
	if info.Subject != verified.Subject {
		return session{}, &trouble{status: http.StatusBadGateway, say: sayings["server_error"], cause: errors.New("userinfo of another subject")}
	}
	told := claims{}
	if err := info.Claims(&told); err != nil {
		return session{}, fmt.Errorf("claims of userinfo: %w", err)
	}
	maps.Copy(known, told)
	for _, plumbing := range []string{"nonce", "at_hash", "c_hash", "sid"} {
		delete(known, plumbing)
	}
	return session{Claims: known, IDToken: raw, Fresh: one.Fresh}, nil
}

// exchangeTrouble tells a refused code from a server that is away.
func exchangeTrouble(err error) *trouble {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if ok && refused.Response.StatusCode < http.StatusInternalServerError {
		say := sayings["server_error"]
		if refused.ErrorCode == "invalid_grant" {
			say = sayings["unknown_state"]
		}
		return &trouble{status: http.StatusBadRequest, say: say, code: word(refused.ErrorCode), cause: fmt.Errorf("redeem code: %s", refused.ErrorCode)}
	}
	return &trouble{status: http.StatusBadGateway, say: sayings["unreachable"], cause: fmt.Errorf("redeem code: %w", err)}
}

// logout ends the session here, then at the issuer (OpenID Connect
// RP-Initiated Logout 1.0), which sends the person home again.
func (p *party) logout(w http.ResponseWriter, r *http.Request) error {
	s, in := p.session(r)
	p.setCookie(w, p.name+"-session", "", 0)
	found, err := p.issuer(r.Context())
	if !in || err != nil || found.logout == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	to, err := url.Parse(found.logout)
	if err != nil {
		return fmt.Errorf("end_session_endpoint: %w", err)
	}
	q := to.Query()
	q.Set("client_id", p.cfg.ClientID)
	q.Set("post_logout_redirect_uri", p.cfg.PostLogoutURI())
	if s.IDToken != "" {
		q.Set("id_token_hint", s.IDToken)
	}
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
	return nil
}

// me is everything the site was told, as JSON.
func (p *party) me(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	s, in := p.session(r)
	if !in {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"login_required"}` + "\n"))
		return
	}
	body, err := json.MarshalIndent(s.Claims, "", "  ")
	if err != nil { // claims came from JSON
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(append(body, '\n'))
}
