package demo

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	sessionFor = 2 * time.Hour
	pendingFor = 30 * time.Minute
	// maxPending is how many logins one browser may have under way here.
	maxPending = 4
	// maxSealed keeps a cookie below the 4,096 bytes browsers keep.
	maxSealed = 3800
)

// sealer encrypts what a site leaves with the browser (AES-256-GCM), so that
// the site keeps no table of people.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret, site, client string) (sealer, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "demo "+site+" cookies of "+client, 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive cookie key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("cookie cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return sealer{}, fmt.Errorf("cookie cipher: %w", err)
	}
	return sealer{aead}, nil
}

func (s sealer) seal(purpose string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", purpose, err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(purpose))), nil
}

func (s sealer) open(purpose, sealed string, v any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return false
	}
	plain, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], []byte(purpose))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// pending is a login under way, in the site's cookie.
type pending struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Began    time.Time `json:"t"`
	Fresh    bool      `json:"f,omitempty"`
}

// session is a person logged in here, in the site's cookie.
type session struct {
	Claims  claims    `json:"c"`
	IDToken string    `json:"i,omitempty"` // for the log-out, when it fits
	Fresh   bool      `json:"f,omitempty"` // the login was asked to be a fresh one
	Began   time.Time `json:"b"`
	Expires time.Time `json:"e"`
}

// pendings are the browser's logins under way, oldest first, expired ones left out.
func (p *party) pendings(r *http.Request) []pending {
	var all []pending
	if c, err := r.Cookie(p.name + "-login"); err == nil {
		p.sealed.open("login", c.Value, &all)
	}
	now := p.now()
	return slices.DeleteFunc(all, func(one pending) bool { return now.Sub(one.Began) > pendingFor })
}

func (p *party) keepPendings(w http.ResponseWriter, all []pending) error {
	if len(all) > maxPending {
		all = all[len(all)-maxPending:]
	}
	if len(all) == 0 {
		p.setCookie(w, p.name+"-login", "", 0)
		return nil
	}
	value, err := p.sealed.seal("login", all)
	if err != nil {
		return err
	}
	p.setCookie(w, p.name+"-login", value, pendingFor)
	return nil
}

// session is who is logged in; ok is false for nobody.
func (p *party) session(r *http.Request) (s session, ok bool) {
	c, err := r.Cookie(p.name + "-session")
	if err != nil || !p.sealed.open("session", c.Value, &s) || !p.now().Before(s.Expires) {
		return session{}, false
	}
	return s, true
}

func (p *party) keepSession(w http.ResponseWriter, s session) error {
	s.Began = p.now()
	s.Expires = s.Began.Add(sessionFor)
	value, err := p.sealed.seal("session", s)
	if err == nil && len(value) > maxSealed {
		s.IDToken = ""
		value, err = p.sealed.seal("session", s)
	}
	if err != nil {
		return err
	}
	if len(value) > maxSealed {
		return fmt.Errorf("seal session: %d bytes of claims do not fit a cookie", len(value))
	}
	p.setCookie(w, p.name+"-session", value, sessionFor)
	return nil
}

// setCookie sets a cookie for this site, or removes it when life is zero.
// Every port of localhost shares one jar, hence the site's name in each name.
func (p *party) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	age := int(life / time.Second)
	if age == 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure as soon as the site itself is; plain http is for loopback
		Name: name, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.cfg.Base, "https:"),
	})
}
