package broker

import (
	"errors"
	"net/url"

	"sinho/broker/client"
)

// unwrap gives the parameters of a request that came as a signed object by value
// (RFC 9101), and says that it did. What stands outside the object is ignored,
// for OpenID Connect Core §6.1 too: a parameter nobody signed must not change
// one that somebody did. Parameters without an object come back as they are. No
// address is ever fetched.
func (b *Broker) unwrap(c client.Client, v url.Values) (inner url.Values, signed bool, bad *refusal) {
	switch objects := v["request"]; {
	case len(objects) > 1:
		return v, false, refuse("invalid_request", "request is sent more than once")
	case v.Get("request_uri") != "" && v.Get("request") != "":
		return v, false, refuse("invalid_request", "request and request_uri exclude each other")
	case v.Get("request_uri") != "":
		return v, false, refuse("request_uri_not_supported", "request_uri is taken only as /par has given it")
	case v.Get("request") == "":
		return v, false, nil
	case c.Keys == nil:
		return v, false, refuse("request_not_supported", "this client has registered no keys to know its request objects by")
	}
	inner, err := c.OpenRequest(v.Get("request"), b.issuer, b.now())
	switch {
	case errors.Is(err, client.ErrUnsupported) && !c.RequireSignedRequest:
		bad = refuse("request_not_supported", "request objects are taken signed only")
		bad.cause = err
		return v, false, bad
	case err != nil:
		bad = refuse("invalid_request_object", "the request object is not one this client has just signed for us")
		bad.cause = err
		return v, false, bad
	case inner.Has("request") || inner.Has("request_uri"):
		return v, false, refuse("invalid_request_object", "a request object has no other within") // RFC 9101 §4
	case inner.Has("client_id") && inner.Get("client_id") != c.ID:
		return v, false, refuse("invalid_request_object", "client_id in the request object is another one")
	}
	return inner, true, nil
}
