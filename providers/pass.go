package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// pass reaches the phones of the three carriers through a push broker: a
// request, its status, and one verification.
type pass struct {
	line
	set Settings
}

func passKind() kind {
	return kind{
		name:  Text{KO: "PASS", EN: "PASS"},
		shape: Push,
		fresh: FreshProved,
		check: pushChecks,
		make: func(s Settings, l line) (Provider, error) {
			s.Issuer = or(s.Issuer, s.Base)
			return &pass{line: l, set: s}, nil
		},
	}
}

// Info has no page; its probe asks, without credentials, for a request that
// cannot be.
func (p *pass) Info() Info {
	return pushInfo(p.set, p.set.Base+"/pass/requests/"+strings.Repeat("0", 32))
}

// Push asks the carrier to reach the phone. The nonce comes back with the
// result.
func (p *pass) Push(ctx context.Context, ask Ask, contact Contact, phrase string) (Pending, error) {
	const op = "request push"
	if err := contact.Validate(); err != nil {
		return Pending{}, p.fail(BadCode, "contact", err)
	}
	opaque := carried{Token: ask.Nonce, Phone: contact.Phone, Birthdate: contact.Birthdate}.opaque()
	if ask.Nonce == "" || len(opaque) > maxOpaque {
		return Pending{}, p.fail(Configuration, "ask", errors.New(op+": a nonce is needed, and a short one"))
	}
	began := p.time()
	r, err := p.post(ctx, op, p.set.Base+"/pass/requests", map[string]any{
		"receiverName": contact.Name, "receiverBirthday": contact.Birthdate, "receiverHP": contact.Phone,
		"reqTitle": "본인확인", "reqMessage": phrase, "expireIn": int(pushLife / time.Second), "token": ask.Nonce,
	}, p.sign)
	if err != nil {
		return Pending{}, err
	}
	if r.status != http.StatusOK {
		return Pending{}, p.refused(op, r)
	}
	var body struct {
		ReceiptID text `json:"receiptID"`
	}
	if !r.decode(&body) || !isReceipt(string(body.ReceiptID)) {
		return Pending{}, p.nonsense(op, "receipt")
	}
	return Pending{Ref: string(body.ReceiptID), Expires: began.Add(pushLife), Opaque: opaque}, nil
}

// Poll asks for the state: 0 waiting, 1 completed, 2 expired, 3 rejected.
func (p *pass) Poll(ctx context.Context, pending Pending) (Progress, error) {
	const op = "poll push"
	if _, err := p.recall(pending, isReceipt); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.set.Base+"/pass/requests/"+url.PathEscape(pending.Ref), nil)
	if err != nil {
		return 0, p.fail(Configuration, "url", fmt.Errorf("%s: %w", op, err))
	}
	p.sign(req)
	r, err := p.send(ctx, op, req)
	if err != nil {
		return 0, err
	}
	if r.status != http.StatusOK {
		return 0, p.refused(op, r)
	}
	var body struct {
		ReceiptID text   `json:"receiptID"`
		State     number `json:"state"`
	}
	if !r.decode(&body) || !body.State.given || body.ReceiptID != "" && string(body.ReceiptID) != pending.Ref {
		return 0, p.nonsense(op, "state")
	}
	switch body.State.n {
	case 0:
		return Waiting, nil
	case 1:
		return Approved, nil
	case 2:
		return 0, p.fail(Cancelled, "expired", errors.New(op+": not answered in time"))
	case 3:
		return 0, p.fail(Cancelled, "rejected", errors.New(op+": refused on the phone"))
	}
	return 0, p.nonsense(op, "state")
}

// Result verifies the signature at the vendor, which works once.
func (p *pass) Result(ctx context.Context, pending Pending) (Identity, error) {
	const op = "verify push"
	kept, err := p.recall(pending, isReceipt)
	if err != nil {
		return Identity{}, err
	}
	r, err := p.post(ctx, op, p.set.Base+"/pass/requests/"+url.PathEscape(pending.Ref)+"/verify", struct{}{}, p.sign)
	if err != nil {
		return Identity{}, err
	}
	if r.status != http.StatusOK {
		return Identity{}, p.refused(op, r)
	}
	var body struct {
		ReceiptID text   `json:"receiptID"`
		State     number `json:"state"`
		Name      text   `json:"receiverName"`
		Year      text   `json:"receiverYear"`
		Day       text   `json:"receiverDay"`
		Gender    text   `json:"receiverGender"`
		Foreign   maybe  `json:"receiverForeign"`
		Carrier   text   `json:"receiverTelcoType"`
		CI        text   `json:"ci"`
		Token     text   `json:"token"`
	}
	switch {
	case !r.decode(&body):
		return Identity{}, p.nonsense(op, "result")
	case string(body.ReceiptID) != pending.Ref, kept.Token == "", string(body.Token) != kept.Token:
		return Identity{}, p.fail(BadCode, "token", errors.New(op+": the result is of another request"))
	case !body.State.given || body.State.n != 1:
		return Identity{}, p.fail(BadCode, "state", errors.New(op+": the request is not completed"))
	}
	id := Identity{
		Name:      asName(string(body.Name), 100),
		Birthdate: asBirthdateOf(string(body.Year), string(body.Day)),
		Gender:    asGenderDigit(string(body.Gender)),
		Carrier:   asCarrier(string(body.Carrier)),
		AuthTime:  p.time().UTC().Truncate(time.Second), // approved within the life of the push
	}
	if body.Foreign.given {
		id.Foreigner = &body.Foreign.on
	}
	if body.CI != "" {
		if id.CI = asCI(string(body.CI)); id.CI == (CI{}) {
			return Identity{}, p.nonsense(op, "ci")
		}
	}
	return p.finish(p.set, "pass", id, kept)
}

func (p *pass) sign(r *http.Request) { r.SetBasicAuth(p.set.ClientID, p.set.ClientSecret) }

// refused reads the vendor's negative codes, then the status.
func (p *pass) refused(op string, r reply) error {
	byStatus := p.status(op, r.status)
	var body struct {
		Code text `json:"code"`
	}
	if byStatus.Colours() || !r.decode(&body) || body.Code == "" {
		return byStatus
	}
	cause := fmt.Errorf("%s: HTTP status %d", op, r.status)
	switch code := string(body.Code); {
	case code == "-10004": // no such person at any carrier
		return p.fail(BadCode, "contact", cause)
	case code == "-10006": // verified already, or not completed
		return p.fail(BadCode, code, cause)
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return p.fail(Configuration, code, cause)
	case r.status == http.StatusNotFound:
		return p.fail(BadCode, code, cause)
	default:
		return p.fail(Configuration, code, cause)
	}
}

// isReceipt knows 32 hex digits; nothing else may become part of a URL.
func isReceipt(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
