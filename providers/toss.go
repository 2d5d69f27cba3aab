package providers

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// toss is Toss certificates: a token for ourselves, then request, status and
// result of a signature on the phone, every personal value encrypted.
type toss struct {
	line
	set    Settings
	key    *rsa.PublicKey
	tokens *behind[*oauth2.Token]
}

// tossAgain is the pause before a result that was not ready is asked for once
// more: COMPLETED is not final, and a result may be read twice at most.
const tossAgain = time.Second

func tossKind() kind {
	return kind{
		name:  Text{KO: "토스", EN: "Toss"},
		shape: Push,
		fresh: FreshProved,
		check: func(s Settings) []error {
			wrong := pushChecks(s)
			if _, err := tossKey(s.PublicKeyPEM); err != nil {
				wrong = append(wrong, err)
			}
			return wrong
		},
		make: func(s Settings, l line) (Provider, error) {
			key, err := tossKey(s.PublicKeyPEM)
			if err != nil {
				return nil, err
			}
			s.Issuer, s.TokenURL = or(s.Issuer, s.Base), or(s.TokenURL, s.Base+"/token")
			t := &toss{line: l, set: s, key: key}
			t.tokens = &behind[*oauth2.Token]{fetch: t.authenticate, life: tossTokenLife}
			return t, nil
		},
	}
}

// tossTokenLife renews a token behind in its last tenth and stops using it a
// minute before its end.
func tossTokenLife(t *oauth2.Token) (fresh, usable time.Duration) {
	left := time.Hour
	if !t.Expiry.IsZero() {
		left = time.Until(t.Expiry)
	}
	usable = max(left-time.Minute, left/2, time.Second)
	return min(left*9/10, usable), usable
}

// Info has no page; a GET of the token endpoint is refused by a living one.
func (t *toss) Info() Info { return pushInfo(t.set, t.set.TokenURL) }

// Warm fetches the token ahead of the first push. Nobody has to call it.
func (t *toss) Warm(ctx context.Context) error {
	_, _, err := t.token(ctx)
	return err
}

// authenticate gets a token by client credentials (RFC 6749 4.4).
func (t *toss) authenticate(ctx context.Context) (*oauth2.Token, error) {
	const op = "authenticate"
	cfg := clientcredentials.Config{
		ClientID: t.set.ClientID, ClientSecret: t.set.ClientSecret, TokenURL: t.set.TokenURL,
		Scopes: []string{"ca"}, AuthStyle: oauth2.AuthStyleInParams,
	}
	token, err := cfg.Token(t.carry(ctx))
	var refusal *oauth2.RetrieveError
	var unanswered *url.Error
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refusal):
		e := t.status(op, refusal.Response.StatusCode)
		if class := oauthClass(refusal.ErrorCode); !e.Colours() && class != 0 {
			e = t.fail(class, refusal.ErrorCode, e.Cause)
		}
		return nil, e
	case errors.As(err, &unanswered):
		return nil, t.broken(ctx, op, err)
	case tooLarge(err):
		return nil, t.nonsense(op, "too-large")
	}
	return nil, t.nonsense(op, "token")
}

func (t *toss) token(ctx context.Context) (*oauth2.Token, int, error) {
	token, version, err := t.tokens.get(ctx)
	var known *Error
	if err != nil && !errors.As(err, &known) {
		e := t.broken(ctx, "authenticate", err)
		e.Seen = false
		return nil, 0, e
	}
	return token, version, err
}

// tossAnswer is the envelope of every answer.
type tossAnswer[T any] struct {
	ResultType text `json:"resultType"`
	Error      struct {
		Code text `json:"errorCode"`
	} `json:"error"`
	Success *T `json:"success"`
}

// call posts to the sign service; a refused token is renewed, once.
func (t *toss) call(ctx context.Context, op, path string, v any) (reply, error) {
	var r reply
	for attempt := range 2 {
		token, version, err := t.token(ctx)
		if err != nil {
			return reply{}, err
		}
		r, err = t.post(ctx, op, t.set.Base+"/api/v2/sign/user/auth/id/"+path, v, func(req *http.Request) {
			token.SetAuthHeader(req)
		})
		if err != nil {
			return reply{}, err
		}
		if r.status != http.StatusUnauthorized {
			return r, nil
		}
		if attempt == 0 {
			t.tokens.drop(version)
		}
	}
	return reply{}, t.status(op, r.status)
}

// success reads an answer; FAIL comes with its code at any status.
func success[T any](t *toss, op string, r reply) (*T, error) {
	byStatus := t.status(op, r.status)
	if byStatus.Colours() {
		return nil, byStatus
	}
	var a tossAnswer[T]
	decoded := r.decode(&a)
	switch {
	case decoded && a.Error.Code != "":
		return nil, t.refused(op, string(a.Error.Code))
	case r.status != http.StatusOK:
		return nil, byStatus
	case !decoded || a.ResultType != "SUCCESS" || a.Success == nil:
		return nil, t.nonsense(op, "answer")
	}
	return a.Success, nil
}

func (t *toss) refused(op, code string) error {
	cause := fmt.Errorf("%s: the vendor says %s", op, tidyCode(code))
	switch code {
	case "CE1000": // no such person
		return t.fail(BadCode, "contact", cause)
	case tossNotYet, "CE3100": // not completed; read too often
		return t.fail(BadCode, code, cause)
	}
	return t.fail(Configuration, code, cause)
}

const tossNotYet = "CE3102"

// Push asks Toss to reach the phone.
func (t *toss) Push(ctx context.Context, _ Ask, contact Contact, phrase string) (Pending, error) {
	const op = "request push"
	if err := contact.Validate(); err != nil {
		return Pending{}, t.fail(BadCode, "contact", err)
	}
	s, err := newTossSession(t.key)
	if err != nil {
		return Pending{}, t.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	began := t.time()
	r, err := t.call(ctx, op, "request", map[string]string{
		"requestType": "USER_PERSONAL", "triggerType": "PUSH", "requestTitle": phrase, "sessionKey": s.key,
		"userName": s.seal(contact.Name), "userPhone": s.seal(contact.Phone), "userBirthday": s.seal(contact.Birthdate),
	})
	if err != nil {
		return Pending{}, err
	}
	done, err := success[struct {
		TxID text `json:"txId"`
	}](t, op, r)
	if err != nil {
		return Pending{}, err
	}
	if !isTx(string(done.TxID)) {
		return Pending{}, t.nonsense(op, "tx")
	}
	return Pending{
		Ref: string(done.TxID), Expires: began.Add(pushLife),
		Opaque: carried{Phone: contact.Phone, Birthdate: contact.Birthdate}.opaque(),
	}, nil
}

// Poll asks for the status.
func (t *toss) Poll(ctx context.Context, p Pending) (Progress, error) {
	const op = "poll push"
	if _, err := t.recall(p, isTx); err != nil {
		return 0, err
	}
	r, err := t.call(ctx, op, "status", map[string]string{"txId": p.Ref})
	if err != nil {
		return 0, err
	}
	done, err := success[struct {
		TxID   text `json:"txId"`
		Status text `json:"status"`
	}](t, op, r)
	if err != nil {
		return 0, err
	}
	if done.TxID != "" && string(done.TxID) != p.Ref {
		return 0, t.nonsense(op, "tx")
	}
	switch done.Status {
	case "REQUESTED", "IN_PROGRESS":
		return Waiting, nil
	case "COMPLETED":
		return Approved, nil
	case "EXPIRED":
		return 0, t.fail(Cancelled, "expired", errors.New(op+": not answered in time"))
	case "REJECTED":
		return 0, t.fail(Cancelled, "rejected", errors.New(op+": refused on the phone"))
	}
	return 0, t.nonsense(op, "status")
}

// tossResult is the success of a result call; personal values are encrypted.
type tossResult struct {
	TxID      text `json:"txId"`
	Status    text `json:"status"`
	Completed text `json:"completedDt"`
	Person    struct {
		CI          text `json:"ci"`
		DI          text `json:"di"`
		Name        text `json:"name"`
		Birthday    text `json:"birthday"`
		Gender      text `json:"gender"`
		Nationality text `json:"nationality"`
	} `json:"personalData"`
}

// Result reads the identity. One that is not ready yet is asked for once more.
func (t *toss) Result(ctx context.Context, p Pending) (Identity, error) {
	kept, err := t.recall(p, isTx)
	if err != nil {
		return Identity{}, err
	}
	id, err := t.read(ctx, p.Ref)
	var e *Error
	if errors.As(err, &e) && e.Code == tossNotYet {
		pause := time.NewTimer(tossAgain)
		defer pause.Stop()
		select {
		case <-pause.C:
			id, err = t.read(ctx, p.Ref)
		case <-ctx.Done():
			return Identity{}, err
		}
	}
	if err != nil {
		return Identity{}, err
	}
	return t.finish(t.set, "toss", id, kept)
}

func (t *toss) read(ctx context.Context, tx string) (Identity, error) {
	const op = "read result"
	s, err := newTossSession(t.key)
	if err != nil {
		return Identity{}, t.fail(Configuration, "key", fmt.Errorf("%s: %w", op, err))
	}
	r, err := t.call(ctx, op, "result", map[string]string{"txId": tx, "sessionKey": s.key})
	if err != nil {
		return Identity{}, err
	}
	done, err := success[tossResult](t, op, r)
	if err != nil {
		return Identity{}, err
	}
	if string(done.TxID) != tx || done.Status != "COMPLETED" {
		return Identity{}, t.fail(BadCode, "tx", errors.New(op+": the result is of another request"))
	}
	var plain [6]string
	for i, v := range []text{
		done.Person.CI, done.Person.DI, done.Person.Name,
		done.Person.Birthday, done.Person.Gender, done.Person.Nationality,
	} {
		if plain[i], err = s.open(string(v)); err != nil {
			return Identity{}, t.fail(BadCode, "decrypt", fmt.Errorf("%s: %w", op, err))
		}
	}
	id := Identity{
		CI: asCI(plain[0]), DI: asDI(plain[1]), Name: asName(plain[2], 100),
		Birthdate: asBirthdate(plain[3]), Gender: asGender(plain[4]), AuthTime: completedAt(string(done.Completed), t.time()),
	}
	if plain[0] != "" && id.CI == (CI{}) {
		return Identity{}, t.nonsense(op, "ci")
	}
	switch plain[5] {
	case "LOCAL", "FOREIGNER":
		foreign := plain[5] == "FOREIGNER"
		id.Foreigner = &foreign
	}
	return id, nil
}

// completedAt is when the person signed; now, when the vendor's word for it is
// missing or lies in the future.
func completedAt(raw string, now time.Time) time.Time {
	at, err := time.Parse(time.RFC3339, raw)
	if err != nil || at.After(now) {
		at = now
	}
	return at.UTC().Truncate(time.Second)
}

// isTx knows a transaction id: 1 to 100 printable ASCII characters.
func isTx(s string) bool { return printable(s, 100) }

// printable knows 1 to most printable ASCII characters.
func printable(s string, most int) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
