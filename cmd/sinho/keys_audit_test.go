package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// auditor is the site's transport. It verifies every ID token that passes, as a
// client does that keeps /jwks for as long as it may and never asks sooner.
type auditor struct {
	base http.RoundTripper
	jwks string
	keep time.Duration

	mu       sync.Mutex // guards what follows
	keys     jose.JSONWebKeySet
	read     time.Time
	tokens   int
	kids     map[string]int // by what signed an ID token
	sealed   map[string]int // by what sealed a request
	all      []string
	failures []string
}

// RoundTrip implements http.RoundTripper.
func (a *auditor) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.base.RoundTrip(r)
	if err == nil {
		a.seen(resp)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/token" || resp.StatusCode != http.StatusOK || !strings.HasPrefix(a.jwks, "http://"+r.URL.Host+"/") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		return resp, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, answer.IDToken)
	a.verify(answer.IDToken)
	return resp, nil
}

// seen notes by which key the request of a redirect to the chooser is sealed.
func (a *auditor) seen(resp *http.Response) {
	at, err := resp.Location()
	if err != nil || at.Path != "/login" {
		return
	}
	if raw, err := base64.RawURLEncoding.DecodeString(at.Query().Get("r")); err == nil && len(raw) > 1 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sealed[fmt.Sprintf("seal-%d", raw[1])]++
	}
}

// verify counts. The caller holds mu.
func (a *auditor) verify(token string) {
	a.tokens++
	if time.Since(a.read) >= a.keep {
		if err := a.fetch(); err != nil {
			a.failures = append(a.failures, "read /jwks: "+err.Error())
			return
		}
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		a.failures = append(a.failures, "parse: "+err.Error())
		return
	}
	kid := signed.Signatures[0].Header.KeyID
	a.kids[short(kid)]++
	known := a.keys.Key(kid)
	if len(known) != 1 {
		a.failures = append(a.failures, fmt.Sprintf("%s signed, and the /jwks read %v ago does not have it", short(kid), time.Since(a.read)))
		return
	}
	if _, err := signed.Verify(known[0]); err != nil {
		a.failures = append(a.failures, "verify: "+err.Error())
	}
}

func (a *auditor) fetch() error {
	req, err := http.NewRequest(http.MethodGet, a.jwks, nil)
	if err != nil {
		return err
	}
	resp, err := a.base.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	a.read = time.Now()
	return json.NewDecoder(resp.Body).Decode(&a.keys)
}

// settle verifies everything again with the keys of the end: what was signed
// before two rotations is good as long as it lives.
func (a *auditor) settle(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	kids := a.kids
	a.kids = map[string]int{}
	a.read = time.Time{}
	for _, token := range a.all {
		a.verify(token)
	}
	a.kids = kids
}
