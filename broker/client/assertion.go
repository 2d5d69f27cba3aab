package client

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds of an assertion.
const (
	maxAssertion = time.Hour // ahead of now, as libraries make them; what is taken is remembered so long
	minJTI       = 8         // bytes
	maxJTI       = 128
)

// Assertion is a client assertion that was taken.
type Assertion struct {
	// JTI is to be taken once only by this client, until Expires; from then on the
	// assertion is refused by itself.
	JTI     string
	Expires time.Time
}

// CheckAssertion reads a client assertion (RFC 7523 §3, OpenID Connect Core §9)
// at now: signed by one of Keys, with iss and sub the client's ID, jti and exp,
// exp at most an hour ahead, nbf and iat not ahead by more than clocks differ.
//
// audiences are the broker's addresses, the issuer first; what of them counts is
// AssertionAudience's to say. A list of audiences is taken only where all of them
// are the broker's, and never for AudienceIssuer: an assertion that others would
// take too could be replayed by them.
//
// The error is for logs: the client gets invalid_client and no more. Whether the
// jti was taken before is the caller's to find out.
func (c Client) CheckAssertion(token string, audiences []string, now time.Time) (Assertion, error) {
	a, err := c.checkAssertion(token, audiences, now)
	if err != nil {
		return Assertion{}, fmt.Errorf("client assertion: %w", err)
	}
	return a, nil
}

func (c Client) checkAssertion(token string, audiences []string, now time.Time) (a Assertion, err error) {
	if c.AuthMethod != AuthPrivateKeyJWT {
		return a, errors.New("the client proves itself in another way")
	}
	said, err := c.open(token, "JWT", "client-authentication+jwt")
	if err != nil {
		return a, err
	}
	if err := errors.Join(said.is("iss", c.ID), said.is("sub", c.ID)); err != nil {
		return a, err
	}
	if err := c.checkAudience(said, audiences); err != nil {
		return a, err
	}
	if err := notAhead(said, now); err != nil {
		return a, err
	}
	var found bool
	a.Expires, found, err = said.instant("exp")
	switch {
	case err != nil:
		return a, err
	case !found:
		return a, errors.New("exp is missing")
	case !now.Before(a.Expires):
		return a, errors.New("is over")
	case a.Expires.After(now.Add(maxAssertion + skew)):
		return a, fmt.Errorf("lives longer than %v", maxAssertion)
	}
	if a.JTI, _, err = said.text("jti"); err != nil {
		return a, err
	}
	if len(a.JTI) < minJTI || len(a.JTI) > maxJTI {
		return a, fmt.Errorf("jti has %d bytes, want %d to %d", len(a.JTI), minJTI, maxJTI)
	}
	return a, nil
}

func (c Client) checkAudience(said claims, audiences []string) error {
	aud, plain, err := said.texts("aud")
	if err != nil {
		return err
	}
	if c.AssertionAudience != AudienceTokenEndpoint {
		if !plain {
			return errors.New("aud is a list, want the issuer alone")
		}
		audiences = audiences[:min(len(audiences), 1)]
	}
	for _, one := range aud {
		if one == "" || !slices.Contains(audiences, one) {
			return errors.New("aud is not ours")
		}
	}
	return nil
}

// notAhead refuses what was made, or is good, only later.
func notAhead(said claims, now time.Time) error {
	for _, name := range []string{"nbf", "iat"} {
		at, _, err := said.instant(name)
		if err != nil {
			return err
		}
		if at.After(now.Add(skew)) {
			return fmt.Errorf("%s is to come", name)
		}
	}
	return nil
}
