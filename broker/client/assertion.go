package client

import (
	"errors"
	"time"
)

// Assertion is a client assertion that was taken.
type Assertion struct {
	// JTI is to be taken once only, until Expires.
	JTI     string
	Expires time.Time
}

// CheckAssertion reads a client assertion (RFC 7523 §3, OpenID Connect Core §9)
// at now. audiences are the broker's addresses, the issuer first; what of them
// counts is AssertionAudience's to say. The error is for logs: the client gets
// invalid_client and no more.
func (c Client) CheckAssertion(token string, audiences []string, now time.Time) (Assertion, error) {
	return Assertion{}, errors.New("client assertion: not read yet")
}
