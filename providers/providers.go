// Package providers is Sinho as a client: one adapter per identity provider,
// each turning what its vendor answers into one Identity or one classed Error.
// Adapters never mention lights, sites or the store; the *http.Client they are
// given measures for them.
package providers

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Text is a sentence in Korean and English.
type Text struct {
	KO string `json:"ko"`
	EN string `json:"en"`
}

// Shape of a journey.
type Shape uint8

const (
	// Redirect: the browser goes there and comes back with a code.
	Redirect Shape = iota + 1
	// Push: the person types who they are here and approves on the phone.
	Push
)

// Assurance of an identity, ordered: a higher value meets a lower demand.
type Assurance uint8

const (
	// Asserted: the provider says so.
	Asserted Assurance = iota + 1
	// Verified: an identity verification agency (본인확인기관) vouches for it.
	Verified
)

// Freshness of a login a provider can give when a site asks for a fresh one.
type Freshness uint8

const (
	// NoFresh: the provider cannot be asked.
	NoFresh Freshness = iota
	// FreshRequested: it can be asked, but does not prove it.
	FreshRequested
	// FreshProved: it tells auth_time, or every login is an act of its own.
	FreshProved
)

// Info is what pages, policy and probes need to know of a provider.
type Info struct {
	ID        string // [a-z0-9-]{1,32}
	Name      Text
	Shape     Shape
	Assurance Assurance
	// AssertsCI: the CI this provider sends is believed.
	AssertsCI bool
	Fresh     Freshness
	// Origin of the provider's pages, for CSP form-action ("" for push).
	Origin string
	// Probes are cheap requests that show the provider answers.
	Probes []Probe
	// Clients and Notice are of its Terms: who may use it, empty for all, and
	// what people read beside it.
	Clients []string
	Notice  Text
}

// Probe is one request worth making when traffic is low: a GET of URL without
// credentials, any status below 500 but 429 counting as alive, or what Ask does.
type Probe struct {
	Name string // discovery, keys, page, status, token
	URL  string
	// Ask, if not nil, makes a request of its own by hc, which must be one that
	// nobody measures logins by, and reports whether it was answered as it should
	// be.
	Ask func(ctx context.Context, hc *http.Client) bool
}

// Provider is what every adapter is; it is also a Redirector or a Pusher,
// according to Info().Shape.
type Provider interface {
	Info() Info
}

// Ask is what one journey wants of a provider.
type Ask struct {
	RedirectURI string // our callback for this provider
	State       string
	Nonce       string
	Verifier    string // PKCE, RFC 7636
	Fresh       bool   // a fresh login is wanted
	// MaxAge, with Fresh: a login there may be so many seconds old. 0: it must be
	// a new one.
	MaxAge    int64
	UILocale  string // ko or en
	LoginHint string
}

// Redirector is a provider one is sent to.
type Redirector interface {
	Provider
	// AuthURL is where the browser goes. It does no I/O that can hang: metadata
	// is fetched behind, and a provider whose metadata is not there yet is an
	// *Error of class Down.
	AuthURL(ctx context.Context, ask Ask) (string, error)
	// Exchange turns the callback's parameters (state already checked) into an
	// Identity. Every failure is an *Error.
	Exchange(ctx context.Context, ask Ask, params url.Values) (Identity, error)
}

// Contact is what a person types for a push.
type Contact struct {
	Name      string
	Birthdate string // YYYYMMDD
	Phone     string // digits, 01000000000
}

// Pending is a push under way. Ref is the vendor's id; Opaque is whatever else
// the adapter must get back (at most 512 bytes).
type Pending struct {
	Ref     string
	Opaque  string
	Expires time.Time
}

// Progress of a push.
type Progress uint8

const (
	// Waiting: not approved yet.
	Waiting Progress = iota + 1
	// Approved: Result may be called.
	Approved
)

// Pusher is a provider that reaches the person's phone.
type Pusher interface {
	Provider
	// Push asks the vendor to reach the phone; phrase is shown on both screens
	// where the vendor allows it.
	Push(ctx context.Context, ask Ask, contact Contact, phrase string) (Pending, error)
	// Poll asks how it goes. A refusal by the person is an *Error of class
	// Cancelled, an expiry one of class Cancelled with code "expired".
	Poll(ctx context.Context, p Pending) (Progress, error)
	// Result reads the identity; vendors allow it once or twice only.
	Result(ctx context.Context, p Pending) (Identity, error)
}

// Class of a provider error. Only Throttled, Down and time-outs (which are
// Down with code "timeout") colour a light.
type Class uint8

const (
	Cancelled     Class = iota + 1 // the person said no
	BadCode                        // the proof was bad, used or not for us
	Configuration                  // our own settings are wrong
	Consent                        // the person has not agreed to share something needed
	Policy                         // the provider may not serve this person (under 14 …)
	Throttled                      // the provider's quota is spent
	Down                           // failure, time-out, nonsense
	Shed                           // we did not ask: too much of it fails or is under way (package guard)
)

// Error is every failure of an adapter.
type Error struct {
	Provider string
	Class    Class
	Code     string // the vendor's own code or ours, for logs: [A-Za-z0-9_.-]{0,40}
	// Said is the vendor's own code where Code is one of ours that stands for it.
	Said string
	// Seen: the measuring transport has already counted this failure (connection
	// error, time-out, 5xx, 429), so nobody counts it again.
	Seen bool
	// Spent: BadCode, and the token endpoint itself has no use for the code (RFC 6749
	// section 5.2, invalid_grant): it was redeemed before, has expired or was never
	// given. A new one may do, which a token that does not verify does not promise.
	Spent bool
	Cause error // for logs, never shown
}
