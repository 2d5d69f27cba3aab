package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sinho/broker/client"
	"sinho/store"
)

// Agreement is what a person is asked to agree to before a site gets it.
type Agreement struct {
	// Claims that go out, as OpenID Connect names them, in the order of claimNames.
	Claims []string
	// Lasting: the site may ask again later without the person (offline_access).
	Lasting bool
	// PolicyURI and TermsURI are the site's own pages, "" for none.
	PolicyURI, TermsURI string
}

// agreementOf is nil where the site asks for no consent.
func agreementOf(q *request, c client.Client) *Agreement {
	if !c.Consent {
		return nil
	}
	a := &Agreement{Lasting: q.Scope.has(scopeOffline), PolicyURI: c.PolicyURI, TermsURI: c.TermsURI}
	out := claimsFor(q.Scope) | (q.Wants.IDToken|q.Wants.Userinfo)&claimsAllowed(c)
	if c.TellProvider {
		out |= claimProvider
	}
	for _, name := range Claims() {
		if out&claimNamed(name) != 0 {
			a.Claims = append(a.Claims, name)
		}
	}
	return a
}

// technical claims say nothing about a person that the login itself does not.
var technical = claimsNamed("sub", "acr", "auth_time", "assurance", "updated_at", "email_verified", "phone_number_verified")

// consentKey names the record of what a person has agreed to at a site.
func consentKey(client [markSize]byte) string { return "k:" + encode(client[:]) }

// consentOp keeps that the person agrees, or holds them to it.
func (b *Broker) consentOp(o *occasion) store.Op {
	op := store.Op{Kind: store.Hold, Key: consentKey([markSize]byte(mark(o.c.ID))), Value: b.agreement(o)}
	if o.agreed {
		op.Kind, op.TTL = store.Put, agreedFor
	}
	return op
}

// agreement is a digest of what goes to the site: not readable, and another one
// for any other set.
func (b *Broker) agreement(o *occasion) []byte {
	parts := []string{string(o.l.person), o.c.ID, o.q.Scope.String(), string(o.q.Wants.marshal())}
	if o.c.TellProvider { // by its settings, whatever it asks
		parts = append(parts, "provider")
	}
	return b.pseudonym("agreement", parts...)
}

// errDemand: the person is not as the claims parameter demands.
var errDemand = errors.New("the person is not as the site demands")

// demanded judges what a site demands of the person. That they are another is
// news of them, and so is that they are not: where the site asks for consent,
// nothing is judged before it has it, or a site could guess until it knows.
func (b *Broker) demanded(ctx context.Context, o *occasion) error {
	if !o.q.wantsOther(&o.l.who) {
		return nil
	}
	if err := b.agreed(ctx, o); err != nil {
		return err
	}
	return errDemand
}

// agreed is nil where the person has agreed to what the site asks, or need not;
// else errConsent or the store's error.
func (b *Broker) agreed(ctx context.Context, o *occasion) error {
	if !o.c.Consent || o.agreed {
		return nil
	}
	kept, err := b.store.Read(ctx, o.s.Shard, consentKey([markSize]byte(mark(o.c.ID))))
	switch {
	case err == nil && equal(kept, b.agreement(o)):
		return nil
	case err == nil, errors.Is(err, store.ErrAbsent):
		return errConsent
	}
	return fmt.Errorf("read consent: %w", away(err))
}

// Decline answers a request with the person's no, to what the site asks or to going
// on: an error to the site, which learns nothing else. The error is a *Problem.
func (b *Broker) Decline(w http.ResponseWriter, r *http.Request, sealed string) (Step, error) {
	plain(w)
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return Step{}, p
	}
	what, why := "consent declined", "the person does not agree"
	if !c.Consent { // nothing was asked
		what, why = "login given up", "the person has gone back"
	}
	b.log(r.Context(), level(nil), what, q.Ref, "access_denied", nil)
	return b.reply(&q, "error", "access_denied", "error_description", why), nil
}

// Claims are the names an Agreement may have.
func Claims() []string {
	var all []string
	for _, name := range claimNames {
		if claimNamed(name)&technical == 0 {
			all = append(all, name)
		}
	}
	return all
}
