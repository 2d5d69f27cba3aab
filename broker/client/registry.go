package client

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"sinho/providers"
)

// Bounds of a registration.
const (
	maxID      = 64
	maxName    = 60 // runes
	maxSupport = 200
	maxURIs    = 64
	maxScopes  = 32
	maxScope   = 64
)

// Mistake is one thing wrong with one client.
type Mistake struct {
	Client string // its ID, or its place ("#2") when it has none
	Field  string // redirect_uris[0], sector, …
	Why    string // what is wrong and, where it helps, what would be right
}

// Error reads: client "shop": redirect_uris[0] "http://…": must be https …
func (m *Mistake) Error() string {
	return fmt.Sprintf("client %q: %s: %s", m.Client, m.Field, m.Why)
}

// Registry is an immutable set of clients, safe for concurrent use.
type Registry struct {
	clients map[string]Client
}

// NewRegistry checks every client and fills in defaults: Name, Sector,
// MinAssurance, Algorithm, AssertionAudience, Refresh, RefreshTTL, SessionRule, PushRule,
// DeviceGroup and DeviceLock of a client with OneDevice; a
// public client has AuthNone and RequirePKCE. The error joins one *Mistake for each thing that is
// wrong. No clients at all is a valid registry.
func NewRegistry(clients ...Client) (*Registry, error) {
	r := &Registry{clients: make(map[string]Client, len(clients))}
	var mistakes []error
	for i, c := range clients {
		c.RedirectURIs = slices.Clone(c.RedirectURIs)
		c.PostLogoutURIs = slices.Clone(c.PostLogoutURIs)
		c.Scopes = slices.Clone(c.Scopes)
		c.Resources = slices.Clone(c.Resources)
		c.Serves = slices.Clone(c.Serves)
		if c.Keys != nil {
			c.Keys = &jose.JSONWebKeySet{Keys: slices.Clone(c.Keys.Keys)}
		}

		k := check{client: &c, name: c.ID}
		if c.ID == "" {
			k.name = fmt.Sprintf("#%d", i+1)
		}
		k.all()
		if _, taken := r.clients[c.ID]; taken {
			k.wrong("id", "is registered twice")
		}
		k.devicesAgree(r.clients)
		mistakes = append(mistakes, k.mistakes...)
		r.clients[c.ID] = c
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return r, nil
}

// Lookup finds a client by its client_id. For an unknown one it answers the
// zero Client, whose CheckSecret takes as long as any other.
func (r *Registry) Lookup(id string) (Client, bool) {
	c, ok := r.clients[id]
	return c, ok
}

// All gives every client, in no order.
func (r *Registry) All() iter.Seq[Client] { return maps.Values(r.clients) }

// check collects what is wrong with one client, and fills in its defaults.
type check struct {
	client   *Client
	name     string
	mistakes []error
}

func (k *check) wrong(field, format string, args ...any) {
	k.mistakes = append(k.mistakes, &Mistake{Client: k.name, Field: field, Why: fmt.Sprintf(format, args...)})
}

func (k *check) all() {
	k.id()
	k.authentication()
	k.text()
	hosts := k.uris("redirect_uris", k.client.RedirectURIs, redirectReserved)
	if len(k.client.RedirectURIs) == 0 && len(k.client.Serves) == 0 {
		k.wrong("redirect_uris", "are missing: one at least")
	}
	k.uris("post_logout_uris", k.client.PostLogoutURIs, postLogoutReserved)
	if k.client.Start != "" {
		if _, err := checkURI(k.client.Start, false, startReserved); err != nil {
			k.wrong("start", "%q %v", k.client.Start, err)
		}
	}
	k.sector(hosts)
	k.scopes()
	k.policy()
	k.keys()
	k.sessions()
	k.devices()
	k.people()
	k.logout()
	k.resources()
	k.links()
}

func (k *check) id() {
	id := k.client.ID
	switch {
	case id == "":
		k.wrong("id", "is missing")
	case len(id) > maxID:
		k.wrong("id", "has %d characters, at most %d", len(id), maxID)
	case strings.ContainsFunc(id, func(c rune) bool { return !unreserved(c) }):
		k.wrong("id", "may have A-Z a-z 0-9 . _ ~ - only")
	}
}

func (k *check) text() {
	name := &k.client.Name
	if name.KO == "" {
		name.KO = name.EN
	}
	if name.EN == "" {
		name.EN = name.KO
	}
	if strings.TrimSpace(name.KO) == "" || strings.TrimSpace(name.EN) == "" {
		k.wrong("name", "is missing: people must know where they are going")
	}
	for _, t := range []struct{ field, text string }{{"name.ko", name.KO}, {"name.en", name.EN}} {
		if utf8.RuneCountInString(t.text) > maxName {
			k.wrong(t.field, "has more than %d characters", maxName)
		}
		k.readable(t.field, t.text)
	}
	if len(k.client.Support) > maxSupport {
		k.wrong("support", "has %d bytes, at most %d", len(k.client.Support), maxSupport)
	}
	k.readable("support", k.client.Support)
}

// readable refuses what could make a page say something else: line breaks,
// invisible characters, and marks that turn the direction of writing.
func (k *check) readable(field, text string) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		k.wrong(field, "has characters that do not print")
	}
}

// uris checks a list and returns the different hosts in it, sorted.
func (k *check) uris(field string, list []string, reserved []string) (hosts []string) {
	if len(list) > maxURIs {
		k.wrong(field, "are %d, at most %d", len(list), maxURIs)
		return nil
	}
	for i, raw := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		host, err := checkURI(raw, k.client.Native, reserved)
		if err != nil {
			k.wrong(at, "%q %v", raw, err)
			continue
		}
		if slices.Contains(list[:i], raw) {
			k.wrong(at, "%q is there twice", raw)
		}
		if _, _, own := loopback(raw); own && k.client.Native {
			continue // every app's loopback is the same host, and none of them owns it
		}
		if host != "" {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func (k *check) sector(hosts []string) {
	c := k.client
	switch {
	case c.Sector != "":
		if err := checkHost(c.Sector); err != nil {
			k.wrong("sector", "%q %v", c.Sector, err)
		}
	case len(hosts) == 1:
		c.Sector = hosts[0]
	case len(hosts) > 1 && !c.PublicSubject:
		k.wrong("sector", "is needed, for redirect_uris has several hosts: %s", strings.Join(hosts, ", "))
	case len(hosts) == 0 && (c.Native || len(c.RedirectURIs) == 0):
		c.Sector = "client:" + c.ID
	}
}

func (k *check) scopes() {
	scopes := k.client.Scopes
	if len(scopes) == 0 {
		return
	}
	if len(scopes) > maxScopes {
		k.wrong("scopes", "are %d, at most %d", len(scopes), maxScopes)
		return
	}
	for i, s := range scopes {
		at := fmt.Sprintf("scopes[%d]", i)
		switch {
		case s == "" || len(s) > maxScope || strings.ContainsFunc(s, notScope):
			k.wrong(at, "%q is no scope", s)
		case slices.Contains(scopes[:i], s):
			k.wrong(at, "%q is there twice", s)
		}
	}
	if !slices.Contains(scopes, "openid") {
		k.wrong("scopes", "must have openid among them")
	}
}

func (k *check) policy() {
	c := k.client
	switch c.Algorithm {
	case "":
		c.Algorithm = ES256
	case ES256, RS256, PS256, EdDSA:
	default:
		k.wrong("algorithm", "%q is none of ES256, RS256, PS256 and EdDSA", c.Algorithm)
	}
	switch c.MinAssurance {
	case 0:
		c.MinAssurance = providers.Asserted
	case providers.Asserted, providers.Verified:
	default:
		k.wrong("min_assurance", "%d is unknown", c.MinAssurance)
	}
}

func unreserved(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '~' || c == '-'
}

// notScope: RFC 6749 §3.3 takes printable ASCII but space, " and \.
func notScope(c rune) bool {
	return c <= ' ' || c > '~' || c == '"' || c == '\\'
}
