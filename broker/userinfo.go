package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sinho/broker/client"
	"sinho/store"
)

const (
	tagAccessShard byte = iota + 1
	tagAccessName
	tagAccessClaims
	tagAccessClient
	tagAccessScope
	tagAccessIssued
	tagAccessExpires
	tagAccessFamily
	tagAccessResource // once for each
	tagAccessVisit
)

// access is what an access token says about itself, sealed. The claims in it
// are sealed once more, under a key that needs the share in its record.
type access struct {
	Shard   store.Shard
	Name    []byte
	Claims  []byte
	Client  string
	Scope   scope
	Issued  time.Time
	Expires time.Time
	// Family: the record is that of the refresh tokens it hangs from.
	Family    bool
	Resources []string // its audience, none for ours alone
	Visit     []byte   // name of the entry under which it was given
}

func (a *access) marshal() []byte {
	f := newForm(len(a.Claims) + 128)
	f.text(tagAccessShard, string(a.Shard))
	f.bytes(tagAccessName, a.Name)
	f.bytes(tagAccessClaims, a.Claims)
	f.text(tagAccessClient, a.Client)
	f.number(tagAccessScope, int64(a.Scope))
	f.time(tagAccessIssued, a.Issued)
	f.time(tagAccessExpires, a.Expires)
	f.flag(tagAccessFamily, a.Family)
	for _, r := range a.Resources {
		f.text(tagAccessResource, r)
	}
	f.bytes(tagAccessVisit, a.Visit)
	return f
}

func (a *access) unmarshal(p []byte) error {
	*a = access{}
	return fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagAccessShard:
			a.Shard = store.Shard(v)
		case tagAccessName:
			a.Name = v
		case tagAccessClaims:
			a.Claims = v
		case tagAccessClient:
			a.Client = string(v)
		case tagAccessScope:
			a.Scope = scope(number(v) & 0xffff)
		case tagAccessIssued:
			a.Issued = moment(v)
		case tagAccessExpires:
			a.Expires = moment(v)
		case tagAccessFamily:
			a.Family = flagged(v)
		case tagAccessResource:
			a.Resources = append(a.Resources, string(v))
		case tagAccessVisit:
			a.Visit = v
		}
	})
}

// sealAccess makes the access token: opaque, with the answer of userinfo
// inside, under a key that needs the share in the store. One for other
// resources than ours has no more than the subject inside.
func (b *Broker) sealAccess(c client.Client, g *grant, t *issued, subject string, now, expires time.Time) (string, error) {
	user := userClaims{Subject: subject}
	if b.ours(t.resources) {
		user = g.userClaims(c, t.scope, subject)
	}
	claims, err := json.Marshal(&user)
	if err != nil {
		return "", fmt.Errorf("seal access token: %w", err)
	}
	inner, err := b.box.claims.With(t.share).Seal(claims, expires, b.issuer, encode(t.name))
	if err != nil {
		return "", fmt.Errorf("seal access token: %w", err)
	}
	raw, err := strict64.DecodeString(inner)
	if err != nil {
		return "", fmt.Errorf("seal access token: %w", err)
	}
	a := access{
		Shard: t.shard, Name: t.name, Claims: raw, Client: c.ID, Scope: t.scope, Issued: now, Expires: expires,
		Family: !t.refreshUntil.IsZero(), Resources: t.resources, Visit: t.visit,
	}
	return b.box.access.Seal(a.marshal(), expires, b.issuer)
}

// ours says that a token for these resources is for userinfo too.
func (b *Broker) ours(resources []string) bool {
	return len(resources) == 0 || slices.Contains(resources, b.issuer) || slices.Contains(resources, b.issuer+"/userinfo")
}

// errDead: the token is not ours, expired or revoked.
var errDead = errors.New("the token is dead")

func (b *Broker) openAccess(token string) (a access, err error) {
	plain, err := b.box.access.Open(token, b.now(), b.issuer)
	if err == nil {
		err = a.unmarshal(plain)
	}
	if err != nil || a.Shard == "" || len(a.Name) == 0 || len(a.Visit) != visitName {
		return a, errDead
	}
	return a, nil
}

// live reads what an access token hangs from, its record and its entry in the
// person's list, and opens its claims: the one trip of whatever shows such a token. The error is errDead or the store's.
func (b *Broker) live(ctx context.Context, a *access) (claims []byte, err error) {
	key := accessKey(a.Name)
	if a.Family {
		key = familyKey(a.Name)
	}
	share, err := b.given(ctx, a.Shard, key, a.Visit)
	if err != nil {
		return nil, err
	}
	if a.Family {
		if _, share, err = splitFamily(share); err != nil {
			return nil, errDead
		}
	}
	claims, err = b.box.claims.With(share).Open(encode(a.Claims), b.now(), b.issuer, encode(a.Name))
	if err != nil {
		return nil, errDead
	}
	return claims, nil
}

// userinfo answers with the claims of an access token (OpenID Connect Core
// §5.3): one read.
func (b *Broker) userinfo(w http.ResponseWriter, r *http.Request) error {
	token, err := bearer(w, r)
	if err != nil {
		return err
	}
	dead := bearerError(http.StatusUnauthorized, "invalid_token", "the access token is wrong, expired or revoked")
	a, err := b.openAccess(token)
	if err != nil {
		return dead
	}
	if !b.ours(a.Resources) {
		return bearerError(http.StatusUnauthorized, "invalid_token", "the access token is for another resource")
	}
	if a.Scope != 0 && !a.Scope.has(scopeOpenID) { // one from before scopes were kept has openid
		return bearerError(http.StatusForbidden, "insufficient_scope", "the access token has no scope openid")
	}
	body, err := b.live(r.Context(), &a)
	switch {
	case errors.Is(err, errDead):
		return dead
	case err != nil:
		return unavailable(err)
	}
	writeBody(w, http.StatusOK, body)
	return nil
}

// bearerError is told in the header too (RFC 6750 §3).
func bearerError(status int, code, desc string) *clientError {
	return &clientError{
		status: status, code: code, desc: desc,
		challenge: `Bearer realm="sinho", error="` + code + `", error_description="` + desc + `"`,
	}
}

// bearer takes the token from the header or from a form body (RFC 6750 §2), not
// both and never from the query.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	bad := func(desc string) error { return bearerError(http.StatusBadRequest, "invalid_request", desc) }
	var tokens []string
	if h := r.Header.Values("Authorization"); len(h) > 1 {
		return "", bad("more than one Authorization header")
	} else if len(h) == 1 {
		scheme, value, _ := strings.Cut(h[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", bad("the Authorization header must be of type Bearer")
		}
		tokens = append(tokens, strings.TrimSpace(value))
	}
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		v, err := form16k(w, r)
		switch {
		case err == nil:
			tokens = append(tokens, v["access_token"]...)
		case errors.As(err, new(*http.MaxBytesError)):
			return "", bad("the body has more than 16384 bytes")
		case len(tokens) == 0:
			return "", bad("the body must be a form")
		}
	}
	switch len(tokens) {
	case 0:
		return "", &clientError{status: http.StatusUnauthorized, code: "invalid_request", desc: "an access token is needed", challenge: `Bearer realm="sinho"`}
	case 1:
		return tokens[0], nil
	}
	return "", bad("more than one access token")
}
