package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"sinho/broker/client"
)

// certifyProvider is the id of the one provider of `sinho certify`.
const certifyProvider = "oidc"

// certified is one client of the conformance suite. What the suite does not
// expect to be called would fail a plan, so each way of logging out has a client
// of its own.
type certified struct {
	id, ko, en string
	keys       bool   // private_key_jwt, by FAPI 2.0
	method     string // otherwise
	query      bool   // a redirect URI with a query too, as FAPI plans use for the second
	back       bool
	front      bool
}

func certifyClients() []certified {
	return []certified{
		{id: "certify-basic", ko: "인증 시험 1", en: "Certification 1", method: "client_secret_basic"},
		{id: "certify-second", ko: "인증 시험 2", en: "Certification 2", method: "client_secret_basic"},
		{id: "certify-post", ko: "인증 시험 3", en: "Certification 3", method: "client_secret_post"},
		{id: "certify-back", ko: "인증 시험 4", en: "Certification 4", method: "client_secret_basic", back: true},
		{id: "certify-front", ko: "인증 시험 5", en: "Certification 5", method: "client_secret_basic", front: true},
		{id: "certify-fapi", ko: "인증 시험 6", en: "Certification 6", keys: true},
		{id: "certify-fapi-second", ko: "인증 시험 7", en: "Certification 7", keys: true, query: true},
	}
}

// yaml is the client in sinho.yaml. Everything the suite calls is below test.
func (c certified) yaml(test string, secret string) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n", args...) }
	fmt.Fprintf(&b, "  - id: %s\n", c.id)
	say("name: {ko: %s, en: %s}", c.ko, c.en)
	uris := []string{test + "/callback"}
	if c.query {
		uris = append(uris, test+"/callback?dummy1=lorem&dummy2=ipsum")
	}
	say("redirect_uris: %s", inJSON(uris))
	say("post_logout_uris: %s", inJSON([]string{test + "/post_logout_redirect"}))
	if c.keys {
		say("auth_method: private_key_jwt")
		say("jwks_file: clients/%s.public.json", c.id)
		say("assertion_audience: issuer")
		say("require_pkce: true")
		say("require_par: true")
		say("algorithm: PS256")
		say("refresh: constant")
	} else {
		say("auth_method: %s", c.method)
		say("secret_sha256: %q", fmt.Sprintf("%x", sha256.Sum256([]byte(secret))))
		say("algorithm: RS256")
		say("refresh: rotating")
	}
	if c.back {
		say("backchannel_logout_uri: %s", inJSON(test+"/backchannel_logout"))
		say("backchannel_logout_session_required: true")
	}
	if c.front {
		say("frontchannel_logout_uri: %s", inJSON(test+"/frontchannel_logout"))
		say("frontchannel_logout_session_required: true")
	}
	return b.String()
}

// inJSON is v as JSON, which is YAML too.
func inJSON(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // texts and lists of them
	return strings.TrimSpace(b.String())
}

// credentials are what the suite needs to be a client.
type credentials struct {
	secret string
	keys   *jose.JSONWebKeySet // private
}

// credentials of c, made at the first start.
func (c certified) credentials(dir string) (credentials, error) {
	if !c.keys {
		secret, err := kept(filepath.Join(dir, c.id+".secret"), func() ([]byte, error) {
			s, _ := client.NewSecret()
			return []byte(s + "\n"), nil
		})
		return credentials{secret: strings.TrimSpace(string(secret))}, err
	}
	body, err := kept(filepath.Join(dir, c.id+".private.json"), c.newKeys)
	if err != nil {
		return credentials{}, err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		return credentials{}, fmt.Errorf("%s.private.json: %w", c.id, err)
	}
	var public jose.JSONWebKeySet
	for _, k := range set.Keys {
		public.Keys = append(public.Keys, k.Public())
	}
	shown, err := json.Marshal(public)
	if err != nil {
		return credentials{}, err
	}
	return credentials{keys: &set}, os.WriteFile(filepath.Join(dir, c.id+".public.json"), shown, 0o600)
}

// newKeys is one key by which the client signs assertions and requests.
func (c certified) newKeys() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
		Key: key, KeyID: c.id, Algorithm: string(jose.ES256), Use: "sig",
	}}})
}

// kept reads a file that only its owner may read, or makes it with what fresh
// gives.
func kept(path string, fresh func() ([]byte, error)) ([]byte, error) {
	body, err := os.ReadFile(path) //nolint:gosec // the folder was asked for
	if !errors.Is(err, fs.ErrNotExist) {
		return body, err
	}
	if body, err = fresh(); err != nil {
		return nil, err
	}
	return body, os.WriteFile(path, body, 0o600)
}
