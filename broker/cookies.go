package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"
)

// Cookies of this package, each behind cookiePrefix:
//
//	b      binds a request to a browser; a random name for the browser and no more
//	s      the session, sealed
//	j-…    one journey, sealed
//	u      who was let in with this browser, sealed, at clients that count people
const (
	cookieBrowser = "b"
	cookieSession = "s"
	cookieJourney = "j-"
	cookiePeople  = "u"
)

// cookieName: a __Host- cookie can be set by this very host over TLS only. On
// http, which is loopback, browsers disagree about the prefix, so it is left out.
func (b *Broker) cookieName(name string) string {
	if b.secure {
		return "__Host-sinho-" + name
	}
	return "sinho-" + name
}

// cookie makes a cookie of ours; SameSite=Lax brings it along when a provider
// or a site sends the browser here by a link or a redirect.
func (b *Broker) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; http issuers are loopback
		Name: b.cookieName(name), Value: value, Path: "/",
		Secure: b.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second),
	}
	if life <= 0 {
		c.MaxAge = -1
	}
	return c
}

// browser is the hash of the browser cookie.
func (b *Broker) browser(r *http.Request) (hash id, ok bool) {
	c, err := r.Cookie(b.cookieName(cookieBrowser))
	if err != nil || !isRandom(c.Value) {
		return hash, false
	}
	return hashBrowser(c.Value), true
}

// bindBrowser sets the browser cookie, keeping the value that is there, and
// gives its hash.
func (b *Broker) bindBrowser(w http.ResponseWriter, r *http.Request) id {
	value := ""
	if c, err := r.Cookie(b.cookieName(cookieBrowser)); err == nil && isRandom(c.Value) {
		value = c.Value
	} else {
		n := newID()
		value = base64.RawURLEncoding.EncodeToString(n[:])
	}
	http.SetCookie(w, b.cookie(cookieBrowser, value, b.named))
	return hashBrowser(value)
}

func hashBrowser(value string) id {
	sum := sha256.Sum256([]byte("sinho browser " + value))
	return id(sum[:16])
}

// isRandom: 128 bits as we write them.
func isRandom(value string) bool {
	if len(value) != 22 {
		return false
	}
	_, err := strict64.DecodeString(value)
	return err == nil
}

// equal compares in constant time.
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func encode(v []byte) string { return base64.RawURLEncoding.EncodeToString(v) }
