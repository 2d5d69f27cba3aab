package broker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"sinho/providers"
	"sinho/store"
)

// Mine is what a person sees of their own: where they are logged in, and what
// they have agreed to. Tokens are for End and Withdraw, from this browser only.
type Mine struct {
	Sessions []MySession // this one first, then the latest first
	Agreed   []MyConsent
	EndAll   string // token, "" where this session is the only one
}

// MySession is one live session.
type MySession struct {
	Here     bool // in this browser
	Provider providers.Text
	Sites    []MySite // the latest first
	End      string   // token
}

// MySite is a site that a session was used for.
type MySite struct {
	Name providers.Text
	At   time.Time // the last time
}

// MyConsent is what a person has agreed to at a site.
type MyConsent struct {
	Site     providers.Text
	Withdraw string // token
}

// errNobody: this browser has no live session.
var errNobody = errors.New("no live session")

// me is whose session this browser has. errNobody, or a *Problem.
func (b *Broker) me(r *http.Request) (*session, *login, error) {
	s, have := b.session(r)
	if !have {
		return nil, nil, errNobody
	}
	l, err := b.owner(r.Context(), s)
	if err != nil {
		return nil, nil, err
	}
	if l == nil {
		return nil, nil, errNobody
	}
	return s, l, nil
}

// Mine reads what the person of this browser's session has here; live is false
// where there is none. The error is a *Problem.
func (b *Broker) Mine(w http.ResponseWriter, r *http.Request) (m Mine, live bool, err error) {
	plain(w)
	s, l, err := b.me(r)
	if errors.Is(err, errNobody) {
		return Mine{}, false, nil
	}
	if err != nil {
		return Mine{}, false, err
	}
	all, err := b.visits(r.Context(), s.Shard, l.person)
	if err != nil {
		return Mine{}, false, err
	}
	if m.Sessions, err = b.mySessions(r.Context(), s, all); err != nil {
		return Mine{}, false, err
	}
	if m.Agreed, err = b.myConsents(r.Context(), s); err != nil {
		return Mine{}, false, err
	}
	if len(m.Sessions) > 1 {
		if m.EndAll, err = b.mineToken(s, "all", nil); err != nil {
			return Mine{}, false, err
		}
	}
	return m, true, nil
}

// mySessions groups a list by the sessions in it that live.
func (b *Broker) mySessions(ctx context.Context, here *session, all []visit) (mine []MySession, err error) {
	order := []id{here.Root}
	latest := map[id]id{here.Root: here.ID}
	for _, v := range slices.Backward(all) {
		if _, known := latest[v.Root]; !known {
			order, latest[v.Root] = append(order, v.Root), v.Session
		}
	}
	for _, n := range order {
		if n != here.Root {
			live, err := b.lives(ctx, here.Shard, sessionKey(latest[n]))
			if err != nil {
				return nil, err
			}
			if !live {
				continue
			}
		}
		one := MySession{Here: n == here.Root}
		if one.Here {
			one.Provider = b.infos[here.Provider].Name
		}
		told := map[[markSize]byte]bool{}
		for _, v := range slices.Backward(all) {
			if v.Root != n {
				continue
			}
			if !one.Here {
				one.Provider = b.providerMarked(v.Provider)
			}
			if c, known := b.marked[v.Client]; known && !told[v.Client] {
				told[v.Client] = true
				one.Sites = append(one.Sites, MySite{Name: c.Name, At: v.At})
			}
		}
		if one.End, err = b.mineToken(here, "session", n[:]); err != nil {
			return nil, err
		}
		mine = append(mine, one)
	}
	return mine, nil
}

func (b *Broker) providerMarked(m [markSize]byte) providers.Text {
	for name, info := range b.infos {
		if [markSize]byte(mark(name)) == m {
			return info.Name
		}
	}
	return providers.Text{}
}

// myConsents asks for the record of every site that asks for consent.
func (b *Broker) myConsents(ctx context.Context, here *session) (agreed []MyConsent, err error) {
	for m, c := range b.marked {
		if !c.Consent {
			continue
		}
		live, err := b.lives(ctx, here.Shard, consentKey(m))
		if err != nil {
			return nil, err
		}
		if !live {
			continue
		}
		token, err := b.mineToken(here, "consent", m[:])
		if err != nil {
			return nil, err
		}
		agreed = append(agreed, MyConsent{Site: c.Name, Withdraw: token})
	}
	slices.SortFunc(agreed, func(a, b MyConsent) int { return strings.Compare(a.Site.KO, b.Site.KO) })
	return agreed, nil
}

func (b *Broker) lives(ctx context.Context, shard store.Shard, key string) (bool, error) {
	_, err := b.store.Read(ctx, shard, key)
	if errors.Is(err, store.ErrAbsent) {
		return false, nil
	}
	if err != nil {
		return false, b.fault(http.StatusServiceUnavailable, ProblemStore, away(err))
	}
	return true, nil
}

// mineToken names one thing of a person's; it fits their session alone.
func (b *Broker) mineToken(here *session, what string, name []byte) (string, error) {
	f := newForm(32)
	f.bytes(tagID, name)
	sealed, err := b.box.logout.Seal(f, b.now().Add(confirmTTL), b.issuer, "mine", what, here.ID.String())
	if err != nil {
		return "", b.fault(http.StatusInternalServerError, ProblemInternal, err)
	}
	return sealed, nil
}

func (b *Broker) openMine(here *session, what, token string) (name []byte, err error) {
	plain, err := b.box.logout.Open(token, b.now(), b.issuer, "mine", what, here.ID.String())
	if err == nil {
		err = fields(plain, func(tag byte, v []byte) {
			if tag == tagID {
				name = v
			}
		})
	}
	if err != nil {
		return nil, b.fault(http.StatusBadRequest, ProblemTampered, err)
	}
	return name, nil
}

// mineAt is the page layer's page of Mine.
const mineAt = "/sessions"

// EndMine ends what a token of Mine names: one session, or all of them. The
// error is a *Problem.
func (b *Broker) EndMine(w http.ResponseWriter, r *http.Request, what, token string) (Step, error) {
	plain(w)
	s, l, err := b.me(r)
	if errors.Is(err, errNobody) {
		b.dropSession(w)
		return Step{Redirect: mineAt}, nil
	}
	if err != nil {
		return Step{}, err
	}
	name, err := b.openMine(s, what, token)
	if err != nil {
		return Step{}, err
	}
	switch {
	case what == "consent" && len(name) == markSize:
		return Step{Redirect: mineAt}, b.withdraw(r.Context(), s.Shard, l.person, [markSize]byte(name))
	case what == "session" && len(name) == len(id{}) && id(name) != s.Root:
		_, err := b.end(r.Context(), s.Shard, l.person, func(v *visit) bool { return v.Root == id(name) })
		return Step{Redirect: mineAt}, err
	case what == "session" && len(name) == len(id{}):
	case what == "all":
		if _, err := b.end(r.Context(), s.Shard, l.person, func(v *visit) bool { return v.Root != s.Root }); err != nil {
			return Step{}, err
		}
	default:
		return Step{}, b.fault(http.StatusBadRequest, ProblemRequest, nil)
	}
	frames, err := b.endHere(r.Context(), s, l)
	if err != nil {
		return Step{}, err
	}
	to, err := b.farewell(frames, loggedOut)
	if err != nil {
		return Step{}, b.fault(http.StatusInternalServerError, ProblemInternal, err)
	}
	b.dropSession(w)
	return Step{Redirect: to}, nil
}

// withdraw takes back what a person has agreed to at a site, and ends what it was
// given by that on any device: a refresh token would go on telling it.
func (b *Broker) withdraw(ctx context.Context, shard store.Shard, person []byte, client [markSize]byte) error {
	_, err := b.strike(ctx, shard, person, func(v *visit) bool { return v.Client == client }, func([]visit) ([]string, error) {
		return []string{consentKey(client)}, nil
	})
	return err
}
