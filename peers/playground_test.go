package peers

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sinho/citizen"
)

// TestPlaygroundOfTheDemo logs in as the client that docs/integrate/README.md
// hands to everybody, at the address registered for it.
func TestPlaygroundOfTheDemo(t *testing.T) {
	base := basePort(t)
	issuer := fmt.Sprintf("http://localhost:%d", base)
	start(t, "sinho demo", t.TempDir(), nil, line("ready "+issuer), sinho, "demo", "--rate", "0", "--base-port", fmt.Sprint(base))
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: "playground", Endpoint: provider.Endpoint(),
		RedirectURL: "http://localhost:3000/callback", Scopes: []string{"openid", "profile"},
	}
	verifier := oauth2.GenerateVerifier()
	here := &inMemory{login: config.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(verifier))}
	out := citizen.Login(t.Context(), citizen.New(citizen.Config{Transport: here}), citizen.Walk{
		Start: "http://localhost:3000/", Choose: citizen.Named("oidc"),
	})
	if !out.In {
		t.Fatalf("the login ended with %q (%v) at %s: %s", out.Why, out.Err, where(out.Page), says(out.Page))
	}
	tokens, err := config.Exchange(t.Context(), out.Page.URL.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if _, err := provider.Verifier(&oidc.Config{ClientID: "playground"}).Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	logout := issuer + "/logout?" + url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {"http://localhost:3000/"}}.Encode()
	page, err := citizen.New(citizen.Config{Transport: here}).Open(t.Context(), logout)
	if err != nil || page.URL.String() != "http://localhost:3000/" {
		t.Errorf("logging out leads to %s (%v), want http://localhost:3000/", where(page), err)
	}
}

// inMemory is a site at port 3000, which may be taken on this machine.
type inMemory struct{ login string }

// RoundTrip answers for the site; other requests are made.
func (m *inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "localhost:3000" {
		return http.DefaultTransport.RoundTrip(r)
	}
	answer := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"text/html"}}}
	body := `<form id="login" action="/login"><button>login</button></form>`
	switch r.URL.Path {
	case "/login":
		answer.StatusCode = http.StatusSeeOther
		answer.Header.Set("Location", m.login)
		body = html.EscapeString(m.login)
	case "/callback":
		body = "in"
	}
	answer.Body = io.NopCloser(bytes.NewBufferString(body))
	return answer, nil
}
