package providers

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Place is an address that an adapter uses, by what it is there for: discovery,
// page, pushed, token, userinfo, keys or service.
type Place struct {
	Name string
	URL  string
}

// Surveyor is an adapter that can be looked at from outside, without a person: by
// the same code that speaks for people. Every adapter is one. No call leaves
// anything behind but a refused request in the vendor's log.
type Surveyor interface {
	Provider
	// Metadata reads and judges what the vendor publishes about itself; a nil error
	// is fine. An adapter whose vendor publishes nothing says errors.ErrUnsupported.
	Metadata(ctx context.Context) error
	// Places are the addresses in use; of some adapters only metadata tells them.
	Places(ctx context.Context) ([]Place, error)
	// Keys is how many of the published keys can verify an ID token, with the
	// algorithms that are allowed; errors.ErrUnsupported without any ID tokens.
	Keys(ctx context.Context) (usable int, err error)
	// Credentials shows our own to the vendor with a proof that cannot be good.
	// Code is the vendor's word of refusal, "" where there is none to refuse. A
	// nil error: it knows us, and answers as agreed.
	Credentials(ctx context.Context, redirectURI string) (code string, err error)
}

// bogus is a proof that no vendor can ever have given.
const bogus = "sinho-doctor-no-such-code-0000000000000000000"

// Metadata implements Surveyor.
func (f *codeFlow) Metadata(ctx context.Context) error {
	if f.plain {
		return errors.ErrUnsupported
	}
	_, err := f.discover(ctx)
	return err
}

// Places implements Surveyor.
func (f *codeFlow) Places(ctx context.Context) ([]Place, error) {
	e, err := f.endpoints(ctx)
	if err != nil {
		err = f.excuse(ctx, "find endpoints", err)
		e = endpoints{authorize: f.set.AuthorizeURL, token: f.set.TokenURL, userinfo: f.set.UserinfoURL, keys: f.set.JWKSURL}
	}
	discovery := f.discovery()
	if f.plain {
		discovery = ""
	}
	return given(
		Place{"discovery", discovery}, Place{"page", e.authorize}, Place{"pushed", e.pushed}, Place{"token", e.token},
		Place{"userinfo", e.userinfo}, Place{"keys", e.keys},
	), err
}

func given(all ...Place) []Place {
	return slices.DeleteFunc(all, func(p Place) bool { return p.URL == "" })
}

// Keys implements Surveyor.
func (f *codeFlow) Keys(ctx context.Context) (int, error) {
	if f.plain {
		return 0, errors.ErrUnsupported
	}
	e, err := f.endpoints(ctx)
	if err != nil {
		return 0, f.excuse(ctx, "find endpoints", err)
	}
	keys, err := f.keys.download(ctx, e.keys)
	if err != nil {
		return 0, err
	}
	usable, algs := 0, narrowed(f.set.Algorithms, e.algs)
	for _, k := range keys {
		if slices.ContainsFunc(algs, func(alg string) bool {
			return ofKind(k.Public(), alg) && (k.Algorithm == "" || k.Algorithm == alg)
		}) {
			usable++
		}
	}
	return usable, nil
}

// Credentials implements Surveyor.
func (f *codeFlow) Credentials(ctx context.Context, redirectURI string) (string, error) {
	e, err := f.endpoints(ctx)
	if err != nil {
		return "", f.excuse(ctx, "find endpoints", err)
	}
	ask := Ask{RedirectURI: redirectURI, State: bogus, Nonce: bogus, Verifier: bogus}
	_, err = f.redeem(ctx, e, ask, bogus)
	if err == nil {
		return "", f.nonsense("redeem code", "bogus-code-taken")
	}
	return refusal(err)
}

// refusal takes a bad proof for what was to be: the vendor got as far as that.
func refusal(err error) (string, error) {
	var e *Error
	if errors.As(err, &e) && e.Class == BadCode {
		return e.Code, nil
	}
	return "", err
}

// Metadata implements Surveyor.
func (*pass) Metadata(context.Context) error { return errors.ErrUnsupported }

// Places implements Surveyor.
func (p *pass) Places(context.Context) ([]Place, error) {
	return []Place{{"service", p.set.Base}}, nil
}

// Keys implements Surveyor.
func (*pass) Keys(context.Context) (int, error) { return 0, errors.ErrUnsupported }

// Credentials implements Surveyor. It asks for a request that cannot be.
func (p *pass) Credentials(ctx context.Context, _ string) (string, error) {
	kept := carried{Token: bogus, Phone: "01000000000", Birthdate: "19900101"}
	_, err := p.Poll(ctx, Pending{Ref: strings.Repeat("0", 32), Opaque: kept.opaque(), Expires: p.time().Add(time.Minute)})
	if err == nil {
		return "", p.nonsense("poll push", "bogus-request-known")
	}
	return refusal(err)
}

// Metadata implements Surveyor.
func (*toss) Metadata(context.Context) error { return errors.ErrUnsupported }

// Places implements Surveyor.
func (t *toss) Places(context.Context) ([]Place, error) {
	return []Place{{"service", t.set.Base}, {"token", t.set.TokenURL}}, nil
}

// Keys implements Surveyor.
func (*toss) Keys(context.Context) (int, error) { return 0, errors.ErrUnsupported }

// Credentials implements Surveyor. A token for ourselves needs no proof of a
// person.
func (t *toss) Credentials(ctx context.Context, _ string) (string, error) {
	_, err := t.authenticate(ctx)
	return "", err
}

// PageOf is the page to which people would be sent, for a look at it: nobody can
// come back from it. Push providers have none.
func PageOf(ctx context.Context, p Provider, redirectURI string) (string, error) {
	r, is := p.(Redirector)
	if !is {
		return "", errors.ErrUnsupported
	}
	return r.AuthURL(ctx, Ask{RedirectURI: redirectURI, State: bogus, Nonce: bogus, Verifier: bogus, UILocale: "ko"})
}

// SentBack reads an error out of the address a page's redirect leads to, when
// that is our own: the page has refused us. "" for any other.
func SentBack(location, redirectURI string) string {
	to, err := url.Parse(location)
	own, ownErr := url.Parse(redirectURI)
	if err != nil || ownErr != nil || to.Host != own.Host || to.Path != own.Path {
		return ""
	}
	return tidyCode(to.Query().Get("error"))
}

var _ = []Surveyor{(*codeFlow)(nil), (*pass)(nil), (*toss)(nil)}
