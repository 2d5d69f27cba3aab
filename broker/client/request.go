package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// ErrUnsupported: a request object that is unsigned or encrypted, or one of a
// client that has no keys. It may be answered by request_not_supported.
var ErrUnsupported = errors.New("not supported")

// maxRequest is how old a request object may be, and how long it may live, where
// RequireSignedRequest (FAPI 2.0 Message Signing §5.3.1).
const maxRequest = time.Hour

// OpenRequest reads a request object that came by value (RFC 9101) at now: signed
// by one of Keys, for this issuer and this client, and good at now, as far as it
// says so. With RequireSignedRequest it must say so: client_id, iss, aud, nbf at
// most 60 minutes old, exp at most 60 minutes after nbf.
//
// It gives the parameters in it as they would stand in a query: a list of texts
// as one parameter repeated, other lists and objects (claims) as compact JSON,
// numbers as they are written. They are a stranger's still, and to be checked as
// those of a query are. What stands outside the object is to be ignored but for
// client_id, which must be this client's.
//
// The error is for logs: the client gets invalid_request_object, or what
// ErrUnsupported says.
func (c Client) OpenRequest(object, issuer string, now time.Time) (url.Values, error) {
	said, err := c.open(object, "JWT", "oauth-authz-req+jwt")
	if err == nil {
		err = c.checkRequest(said, issuer, now)
	}
	if err != nil {
		return nil, fmt.Errorf("request object: %w", err)
	}
	return parameters(said), nil
}

func (c Client) checkRequest(said claims, issuer string, now time.Time) error {
	for _, name := range []string{"request", "request_uri"} {
		if _, found := said[name]; found {
			return fmt.Errorf("has %s in it", name)
		}
	}
	for _, name := range []string{"iss", "client_id"} {
		if _, found := said[name]; found || c.RequireSignedRequest {
			if err := said.is(name, c.ID); err != nil {
				return err
			}
		}
	}
	// A client assertion must never pass as a request (RFC 9101 §10.8).
	if said.is("sub", c.ID) == nil {
		return errors.New("sub is the client: this is a client assertion")
	}
	if _, found := said["aud"]; found || c.RequireSignedRequest {
		aud, _, err := said.texts("aud")
		if err != nil {
			return err
		}
		if !slices.Contains(aud, issuer) {
			return errors.New("aud is not the issuer")
		}
	}
	return c.checkTimes(said, now)
}

func (c Client) checkTimes(said claims, now time.Time) error {
	if err := notAhead(said, now); err != nil {
		return err
	}
	from, hasFrom, err := said.instant("nbf")
	if err != nil {
		return err
	}
	until, hasUntil, err := said.instant("exp")
	switch {
	case err != nil:
		return err
	case hasUntil && !now.Before(until):
		return errors.New("is over")
	case !c.RequireSignedRequest:
		return nil
	case !hasFrom || !hasUntil:
		return errors.New("nbf or exp is missing")
	case now.Sub(from) > maxRequest:
		return fmt.Errorf("nbf is more than %v ago", maxRequest)
	case until.Sub(from) > maxRequest:
		return fmt.Errorf("lives longer than %v", maxRequest)
	}
	return nil
}

// parameters are the claims that are not about the object itself.
func parameters(said claims) url.Values {
	all := url.Values{}
	for name, raw := range said {
		if slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}, name) {
			continue
		}
		switch raw[0] {
		case 'n': // null is as good as absent
		case '"':
			text, _, _ := said.text(name) // it is one
			all.Set(name, text)
		case '[':
			if texts, ok := stringsOf(raw); ok {
				for _, text := range texts {
					all.Add(name, text)
				}
				continue
			}
			all.Set(name, compact(raw))
		default:
			all.Set(name, compact(raw))
		}
	}
	return all
}

func compact(raw json.RawMessage) string {
	var out bytes.Buffer
	_ = json.Compact(&out, raw) // it is valid
	return out.String()
}
