package broker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"sinho/broker/client"
)

// introspection is RFC 7662 §2.2. A token that is not active says nothing else.
type introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	Client    string   `json:"client_id,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	Issued    int64    `json:"iat,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
}

// tokenForm reads what introspection and revocation have in common: a
// confidential or public client that has proven itself, and a token.
func (b *Broker) tokenForm(w http.ResponseWriter, r *http.Request) (c client.Client, token string, err error) {
	v, err := b.machineForm(w, r)
	if err != nil {
		return c, "", err
	}
	if c, err = b.authenticate(r, v); err != nil {
		return c, "", err
	}
	b.noted(r.Context(), "", c.ID)
	if v.Get("token") == "" {
		return c, "", refuseToken("invalid_request", "token is missing")
	}
	return c, v.Get("token"), nil
}

// introspect is token introspection (RFC 7662) for confidential clients: of
// their own tokens, and of access tokens for what they serve. Anything else is
// not active, whatever it is. One read.
func (b *Broker) introspect(w http.ResponseWriter, r *http.Request) error {
	c, token, err := b.tokenForm(w, r)
	if err != nil {
		return err
	}
	if c.Public {
		return &clientError{status: http.StatusUnauthorized, code: "invalid_client", desc: "introspection is for clients that authenticate"}
	}
	answer, err := b.introspectAccess(r.Context(), c, token)
	if errors.Is(err, errDead) {
		answer, err = b.introspectRefresh(r.Context(), c, token)
	}
	switch {
	case errors.Is(err, errDead):
		answer = introspection{}
	case err != nil:
		return unavailable(err)
	}
	writeJSON(w, http.StatusOK, &answer)
	return nil
}

func (b *Broker) introspectAccess(ctx context.Context, c client.Client, token string) (introspection, error) {
	a, err := b.openAccess(token)
	if err != nil {
		return introspection{}, err
	}
	served := slices.ContainsFunc(a.Resources, func(r string) bool { return slices.Contains(c.Serves, r) })
	if a.Client != c.ID && !served {
		return introspection{}, errDead
	}
	body, err := b.live(ctx, &a)
	if err != nil {
		return introspection{}, err
	}
	var who struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(body, &who) != nil {
		return introspection{}, errDead
	}
	answer := b.active(a.Client, a.Scope, who.Subject, a.Issued, a.Expires, a.Resources)
	answer.TokenType = "Bearer"
	return answer, nil
}

// introspectRefresh never counts as a use: an old generation is not active, and
// its family stays.
func (b *Broker) introspectRefresh(ctx context.Context, c client.Client, token string) (introspection, error) {
	t, err := b.openRefresh(token, c.ID)
	if err != nil {
		return introspection{}, err
	}
	generation, share, err := b.family(ctx, &t)
	switch {
	case err != nil:
		return introspection{}, err
	case generation > t.Generation, !c.AllowsScope(client.ScopeOffline):
		return introspection{}, errDead
	}
	g, err := b.openSnapshot(&t, share, c.ID)
	if err != nil {
		return introspection{}, errDead
	}
	answer := b.active(c.ID, t.Scope, b.subject(c, g.Person), t.Issued, t.Expires, t.Resources)
	answer.TokenType = "refresh_token"
	return answer, nil
}

func (b *Broker) active(client string, s scope, subject string, from, to time.Time, resources []string) introspection {
	if len(resources) == 0 {
		resources = []string{b.issuer}
	}
	return introspection{
		Active: true, Scope: s.String(), Client: client, Subject: subject, Expires: to.Unix(), Issued: from.Unix(),
		Audience: resources, Issuer: b.issuer,
	}
}
