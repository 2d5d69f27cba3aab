package providers

import (
	"fmt"
	"time"
)

// Identity is what any provider's answer becomes. Empty means not given.
type Identity struct {
	Provider string `json:"p"`
	Issuer   string `json:"i"`
	Subject  string `json:"s"` // unique within Issuer
	// CI only from providers configured to assert it; the adapter drops it otherwise.
	CI CI `json:"-"`
	DI DI `json:"-"`

	Assurance Assurance `json:"a"`
	// Origins say of each attribute where it is from and how far it is vouched
	// for; see AssuranceOf.
	Origins Origins `json:"o,omitempty"`
	// AuthTime is when the person proved themselves there; zero when not told.
	AuthTime time.Time `json:"at,omitzero"`

	Name          string `json:"n,omitempty"`
	Birthdate     string `json:"b,omitempty"` // YYYY-MM-DD in the civil calendar
	Gender        string `json:"g,omitempty"` // male or female
	Phone         string `json:"t,omitempty"` // E.164
	PhoneVerified bool   `json:"tv,omitempty"`
	Email         string `json:"e,omitempty"`
	EmailVerified bool   `json:"ev,omitempty"`
	Carrier       string `json:"c,omitempty"` // SKT KT LGU, with _MVNO
	Foreigner     *bool  `json:"f,omitempty"` // nil: not told
	Nickname      string `json:"k,omitempty"`
	Picture       string `json:"u,omitempty"`

	// The rest of OpenID Connect Core §5.1, from providers that have it.
	GivenName  string   `json:"gn,omitempty"`
	FamilyName string   `json:"fn,omitempty"`
	MiddleName string   `json:"mn,omitempty"`
	Username   string   `json:"pu,omitempty"` // preferred_username
	Profile    string   `json:"pr,omitempty"` // URL
	Website    string   `json:"w,omitempty"`  // URL
	ZoneInfo   string   `json:"z,omitempty"`  // IANA name
	Locale     string   `json:"l,omitempty"`  // BCP 47
	Address    *Address `json:"ad,omitempty"`
}

// Address is a postal address (OpenID Connect Core §5.1.1).
type Address struct {
	Formatted  string `json:"formatted,omitempty"`
	Street     string `json:"street_address,omitempty"`
	Locality   string `json:"locality,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
}

// Error names the provider, class and code; the cause may follow.
func (e *Error) Error() string {
	s := fmt.Sprintf("provider %s: %s", e.Provider, e.Class)
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Colours says whether this failure may colour a light.
func (e *Error) Colours() bool { return e.Class == Throttled || e.Class == Down }

// String is the class's name in logs.
func (c Class) String() string {
	switch c {
	case Cancelled:
		return "cancelled"
	case BadCode:
		return "bad-code"
	case Configuration:
		return "configuration"
	case Consent:
		return "consent"
	case Policy:
		return "policy"
	case Throttled:
		return "throttled"
	case Down:
		return "down"
	case Shed:
		return "shed"
	}
	return "unknown"
}
