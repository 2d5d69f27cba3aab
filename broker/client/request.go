package client

import (
	"errors"
	"net/url"
	"time"
)

// OpenRequest reads a request object that came by value (RFC 9101) at now, and
// gives the parameters in it, flattened as they would stand in a query. What
// stands outside the object is to be ignored but for client_id, which must be
// this client's. The error is for logs: the client gets invalid_request_object.
func (c Client) OpenRequest(object, issuer string, now time.Time) (url.Values, error) {
	return nil, errors.New("request object: not read yet")
}
