package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

// Verdict is what a rota says of one person at one time.
type Verdict struct {
	Admitted bool
	// Next is when they will be admitted, and Until when that ends; both zero where
	// they never will be, Until alone where it does not end.
	Next, Until time.Time
}

// Today is whose turn a rota has.
type Today struct {
	Zone *time.Location // whose calendar and clock it goes by
	// Open: Turns are open now. Otherwise they are the next, all beginning at the
	// same time, or none where the rota is over.
	Open  bool
	Turns []Turn
	// Changes is when it says otherwise, zero for never; Then is what it says from
	// then on, nil where that is too far away to be told.
	Changes time.Time
	Then    *Today
}

// Turn is a window of a rota, and whose it is.
type Turn struct {
	Digit            int // last digit of the days of birth, -1 for any
	BornFrom, BornTo int // years of birth, both included; 0 for no bound
	From, To         time.Time
}

// TurnedAway is a person who has logged in and whose turn it is not.
type TurnedAway struct {
	Sealed string // the form that travels: the r of /turn?r=…
	Ref    string // 문의번호
	Site   Site
	Locale string // asked for by ui_locales: ko, en or ""
	// Next and Until are as in Verdict, by the clock of the rota's zone.
	Next, Until time.Time
	// Chooser is set once Next has come: the way on, same request.
	Chooser string
}

// errBirthdate: the rota cannot decide, for nobody vouches for a birthdate.
var errBirthdate = errors.New("no verified birthdate")

// notTurn is a person whose turn it is not.
type notTurn struct{ Verdict }

func (*notTurn) Error() string { return "it is not the person's turn" }

// rotaTerm is a verdict as it travels in a request: when the turn is that was
// told. The zero value is none.
type rotaTerm struct {
	Told        bool
	Next, Until time.Time
}

// RotaRefusal is a login that a rota has refused. It says nothing of whose.
type RotaRefusal struct {
	Rota string // its name
	// Session: it was decided by a session that was to be used again, before any
	// provider was asked. Otherwise after one, by what it said.
	Session bool
	// Birthdate: nobody vouches for one. Otherwise it is not the person's turn.
	Birthdate bool
}

// turn asks the client's rota about a person who is back from a provider with q, and
// tells of a refusal. The error is that of askRota.
func (b *Broker) turn(q *request, c client.Client, who *providers.Identity) error {
	return b.countTurn(RotaRefusal{Rota: c.Rota}, b.askRota(q, c, who))
}

// turnBySession is turn for the person of a session, where no provider was asked.
func (b *Broker) turnBySession(q *request, c client.Client, who *providers.Identity) error {
	return b.countTurn(RotaRefusal{Rota: c.Rota, Session: true}, b.askRota(q, c, who))
}

// countTurn tells of a refusal, if err is one, and gives err.
func (b *Broker) countTurn(r RotaRefusal, err error) error {
	if err != nil && b.hooks.RotaRefused != nil {
		r.Birthdate = errors.Is(err, errBirthdate)
		b.hooks.RotaRefused(r)
	}
	return err
}

// askRota asks the client's rota about a person who came with q: nil, errBirthdate
// or a *notTurn. It goes by the birthdate that somebody vouches for, and by the clock
// of this side alone, ahead of the opening of a waiting room by that.
func (b *Broker) askRota(q *request, c client.Client, who *providers.Identity) error {
	if c.Rota == "" {
		return nil
	}
	born, err := time.Parse(time.DateOnly, who.Birthdate)
	if err != nil || born.Year() < 1 || who.AssuranceOf(providers.AttrBirthdate) < providers.Verified {
		return errBirthdate
	}
	if v := b.hooks.Rota(c.Rota, who.Birthdate, q.Began, b.opensOrNow(c.ID)); !v.Admitted {
		return &notTurn{v}
	}
	return nil
}

// toTurn is the page of a person whose turn it is not, by the verdict in q.
func (b *Broker) toTurn(q request) (Step, bool) {
	sealed, err := b.renew(q)
	return Step{Redirect: turnURL(sealed)}, err == nil
}

// turnURL is the page of a person whose turn it is not.
func turnURL(sealed string) string { return "/turn?r=" + url.QueryEscape(sealed) }

// told is q with the verdict that its person is told.
func (v *notTurn) told(q request) request {
	q.Term = rotaTerm{Told: true, Next: v.Next, Until: v.Until}
	return q
}

// TurnedAway opens r for the page of a person whose turn it is not, and checks it
// against the browser that shows it. It does no I/O. The error is a *Problem.
func (b *Broker) TurnedAway(r *http.Request, sealed string) (TurnedAway, error) {
	q, c, p := b.openRequest(r, sealed)
	if p != nil {
		return TurnedAway{}, p
	}
	t := TurnedAway{
		Sealed: sealed, Ref: q.Ref, Site: b.site(c, q.RedirectURI), Locale: q.Locale,
		Next: q.Term.Next, Until: q.Term.Until,
	}
	if c.Rota != "" {
		zone := b.hooks.Today(c.Rota, b.now()).Zone
		t.Next, t.Until = inZone(t.Next, zone), inZone(t.Until, zone)
	}
	if over := !t.Next.IsZero() && !b.now().Before(t.Next); over || !q.Term.Told || c.Rota == "" {
		q.Term = rotaTerm{}
		fresh, err := b.renew(q)
		if err != nil {
			return TurnedAway{}, b.internal(&q, c, err)
		}
		t.Chooser = ChooserURL(fresh, Notice{})
	}
	return t, nil
}

// turnedAway is the answer to a login that turn refuses.
func turnedAway(err error) answer {
	if v, is := errors.AsType[*notTurn](err); is {
		return answer{turn: v}
	}
	return answer{notice: NoticeBirthdate}
}

func inZone(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() || zone == nil {
		return t
	}
	return t.In(zone)
}

// TurnBack takes a person whose turn it is not back to the site, with an error.
// The error is a *Problem.
func (b *Broker) TurnBack(w http.ResponseWriter, r *http.Request, sealed string) (Step, error) {
	return b.turnBack(w, r, sealed, notTheirTurn, func(q *request) bool { return q.Term.Told })
}

// turnBack denies the site access by a request whose person was told why; one that
// was not told is led to the chooser. The error is a *Problem.
func (b *Broker) turnBack(w http.ResponseWriter, r *http.Request, sealed, why string, told func(*request) bool) (Step, error) {
	plain(w)
	q, _, p := b.openRequest(r, sealed)
	if p != nil {
		return Step{}, p
	}
	if !told(&q) {
		return Step{Redirect: ChooserURL(sealed, Notice{})}, nil
	}
	b.log(r.Context(), level(nil), "turned away", q.Ref, "access_denied", nil)
	return b.reply(&q, "error", "access_denied", "error_description", why), nil
}

// notTheirTurn is what the site reads. When the turn is would tell it of the
// birthdate.
const notTheirTurn = "by the rota it is not the person's turn"

// silentTurn is the error to a site that asks in silence about a person whose turn
// it is not. Where the site asks for consent it hears that first, and nothing of
// their birthdate before it has it.
func (b *Broker) silentTurn(ctx context.Context, o *occasion) error {
	if err := b.agreed(ctx, o); err != nil {
		return err
	}
	return &siteError{q: o.q, code: "access_denied", desc: notTheirTurn}
}
