package providers

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// skew between the provider's clock and ours that is forgiven.
const skew = 5 * time.Minute

// idToken is an ID token that has passed every check.
type idToken struct {
	*oidc.IDToken
	authTime time.Time
	claims   claimSet
}

// claimSet is a JSON object whose values are still to be read. Claim names are
// told apart by case.
type claimSet map[string]json.RawMessage

// read fills to, one of this package's loose values, which never fail on
// well-formed JSON. A claim that is not there leaves it as it is.
func (s claimSet) read(name string, to json.Unmarshaler) {
	if raw, ok := s[name]; ok {
		_ = to.UnmarshalJSON(raw)
	}
}

// verify checks an ID token, once: signature with an explicit algorithm list,
// iss, aud, azp, exp, iat, sub, nonce, at_hash (OpenID Connect Core 3.1.3.7).
func (f *codeFlow) verify(ctx context.Context, e endpoints, raw, access, nonce string) (*idToken, error) {
	const op = "verify ID token"
	bad := func(code, format string, args ...any) error {
		return f.fail(BadCode, code, fmt.Errorf(op+": "+format, args...))
	}
	if len(raw) > maxToken {
		return nil, bad("id-token", "%d bytes are too many", len(raw))
	}
	keys := &witness{keyring: f.keys}
	algs := f.algorithms(ctx, e, raw)
	if len(algs) == 0 {
		return nil, f.fail(Configuration, "alg", errors.New(op+": the provider uses no algorithm we accept"))
	}
	t, err := oidc.NewVerifier(f.set.Issuer, keys, &oidc.Config{
		ClientID: f.set.ClientID, SupportedSigningAlgs: algs, Now: f.time,
	}).Verify(ctx, raw)
	switch {
	case errors.Is(keys.err, errUnknownKey), errors.Is(keys.err, errManyKeys):
		return nil, bad("kid", "%w", keys.err)
	case errors.Is(keys.err, errSignature):
		return nil, bad("signature", "%w", keys.err)
	case keys.err != nil:
		return nil, f.excuse(ctx, op, keys.err)
	case err != nil:
		return nil, bad("id-token", "%w", err)
	}
	out := &idToken{IDToken: t}
	if t.Claims(&out.claims) != nil {
		return nil, bad("id-token", "claims are not an object")
	}
	var azp text
	var authTime number
	out.claims.read("azp", &azp)
	out.claims.read("auth_time", &authTime)
	now := f.time()
	switch {
	case asSubject(t.Subject) == "":
		return nil, bad("sub", "no usable sub")
	case t.IssuedAt.IsZero() || t.IssuedAt.After(now.Add(skew)):
		return nil, bad("iat", "no iat, or one in the future")
	case azp != "" && string(azp) != f.set.ClientID:
		return nil, bad("azp", "issued to another client")
	case len(t.Audience) > 1 && azp == "":
		return nil, bad("azp", "several audiences and no azp")
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(nonce)) != 1:
		return nil, bad("nonce", "nonce is not the one that was asked with")
	case t.AccessTokenHash != "" && t.VerifyAccessToken(access) != nil:
		return nil, bad("at-hash", "at_hash does not fit the access token")
	}
	if authTime.given {
		out.authTime = time.Unix(authTime.n, 0).UTC()
		if out.authTime.After(now.Add(skew)) {
			return nil, bad("auth-time", "auth_time is in the future")
		}
	}
	return out, nil
}

// algorithms are those that a token may be signed with: ours that the provider
// uses. For one of ours that its metadata does not name the metadata is read
// again, within behind's limit: the provider may have taken it up since.
func (f *codeFlow) algorithms(ctx context.Context, e endpoints, raw string) []string {
	algs := narrowed(f.set.Algorithms, e.algs)
	alg := algorithmOf(raw)
	if f.found == nil || slices.Contains(algs, alg) || !slices.Contains(f.keys.algs, jose.SignatureAlgorithm(alg)) {
		return algs
	}
	_, version, err := f.found.get(ctx)
	if err != nil {
		return algs
	}
	if young, _, err := f.found.newer(ctx, version); err == nil {
		algs = narrowed(f.set.Algorithms, young.algs)
	}
	return algs
}

// algorithmOf is what the header of a token says, "" for what is none. The token is
// parsed properly by who verifies it; this is cheap, for every login asks.
func algorithmOf(raw string) string {
	head, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		return ""
	}
	return header.Algorithm
}

// claims as loosely as vendors write them (OpenID Connect Core 5.1).
type claims struct {
	Subject, Name, GivenName, FamilyName, MiddleName, Nickname, Username text

	Profile, Picture, Website, Gender, Birthdate, ZoneInfo, Locale, Email, Phone text

	EmailVerified, PhoneVerified maybe
	// Those below have no standard name: they are there where a path says so.
	Carrier, DI text
	Foreigner   foreign
	Address     object[claimedAddress]
	// VerifiedClaims of OpenID Identity Assurance 1.0: one or several.
	VerifiedClaims several[verifiedClaims]
}

// claimedAddress is OpenID Connect Core 5.1.1 as loosely.
type claimedAddress struct {
	Formatted  text `json:"formatted"`
	Street     text `json:"street_address"`
	Locality   text `json:"locality"`
	Region     text `json:"region"`
	PostalCode text `json:"postal_code"`
	Country    text `json:"country"`
}

type verifiedClaims struct {
	Verification struct {
		TrustFramework text `json:"trust_framework"`
	} `json:"verification"`
	Claims claimSet `json:"claims"`
}

// several reads one object or an array of them; what is neither is absent.
type several[T any] []T

// UnmarshalJSON never fails on well-formed JSON.
func (s *several[T]) UnmarshalJSON(b []byte) error {
	var one object[T]
	var many []object[T]
	*s = nil
	switch {
	case slices.Equal(b, []byte("null")):
	case json.Unmarshal(b, &many) == nil:
		for _, o := range many {
			*s = append(*s, o.v)
		}
	case json.Unmarshal(b, &one) == nil:
		*s = append(*s, one.v)
	}
	return nil
}

// standard reads the standard claims; fields of the wrong type are absent.
func (s claimSet) standard() (c claims) {
	s.read("sub", &c.Subject)
	s.read("name", &c.Name)
	s.read("given_name", &c.GivenName)
	s.read("family_name", &c.FamilyName)
	s.read("middle_name", &c.MiddleName)
	s.read("nickname", &c.Nickname)
	s.read("preferred_username", &c.Username)
	s.read("profile", &c.Profile)
	s.read("picture", &c.Picture)
	s.read("website", &c.Website)
	s.read("gender", &c.Gender)
	s.read("birthdate", &c.Birthdate)
	s.read("zoneinfo", &c.ZoneInfo)
	s.read("locale", &c.Locale)
	s.read("email", &c.Email)
	s.read("email_verified", &c.EmailVerified)
	s.read("phone_number", &c.Phone)
	s.read("phone_number_verified", &c.PhoneVerified)
	s.read("address", &c.Address)
	s.read("verified_claims", &c.VerifiedClaims)
	return c
}
