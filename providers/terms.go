package providers

import (
	"context"
	"net/url"
	"slices"
)

// Terms are what the operator lays over a provider, whatever its adapter.
type Terms struct {
	// Clients are those whose people may log in by it, by id; empty: all.
	Clients []string
	// Attributes, if Limited, are the only values of an identity that are used: some
	// of the words of Attributes().
	Limited    bool
	Attributes []string
	// Notice is what people read beside it; both empty: nothing.
	Notice Text
}

// Attributes are the words by which values of an identity are named in terms.
// The CI is none of them: who somebody is goes by Settings.AssertsCI.
func Attributes() []string {
	return []string{
		"name", "birthdate", "gender", "phone", "email", "carrier", "foreigner", "nickname", "picture", "profile", "address", "di",
	}
}

// Under is p with terms laid over it: its Info says so, and what it may not
// give is gone before anybody sees the Identity. It is a Redirector or Pusher as p
// is, and nothing else besides: whoever asks an adapter for more asks p.
func Under(p Provider, terms Terms) Provider {
	if len(terms.Clients) == 0 && !terms.Limited && terms.Notice == (Text{}) {
		return p
	}
	switch p := p.(type) {
	case Redirector:
		return ruledRedirector{p, terms}
	case Pusher:
		return ruledPusher{p, terms}
	}
	return p
}

func (y Terms) info(i Info) Info {
	i.Clients, i.Notice = y.Clients, y.Notice
	return i
}

type ruledRedirector struct {
	Redirector

	terms Terms
}

// Info implements Provider.
func (r ruledRedirector) Info() Info { return r.terms.info(r.Redirector.Info()) }

// Exchange implements Redirector.
func (r ruledRedirector) Exchange(ctx context.Context, ask Ask, params url.Values) (Identity, error) {
	id, err := r.Redirector.Exchange(ctx, ask, params)
	return r.terms.permitted(id), err
}

type ruledPusher struct {
	Pusher

	terms Terms
}

// Info implements Provider.
func (r ruledPusher) Info() Info { return r.terms.info(r.Pusher.Info()) }

// Result implements Pusher.
func (r ruledPusher) Result(ctx context.Context, p Pending) (Identity, error) {
	id, err := r.Pusher.Result(ctx, p)
	return r.terms.permitted(id), err
}

// permitted is who somebody is, with the permitted values and no others: a field
// that is not named here is not passed on.
func (y Terms) permitted(id Identity) Identity {
	if !y.Limited {
		return id
	}
	out := Identity{
		Provider: id.Provider, Issuer: id.Issuer, Subject: id.Subject, CI: id.CI,
		Assurance: id.Assurance, AuthTime: id.AuthTime, Origins: id.Origins,
	}
	may := func(word string, take func()) {
		if slices.Contains(y.Attributes, word) {
			take()
		}
	}
	may("name", func() {
		out.Name, out.GivenName, out.FamilyName, out.MiddleName = id.Name, id.GivenName, id.FamilyName, id.MiddleName
	})
	may("birthdate", func() { out.Birthdate = id.Birthdate })
	may("gender", func() { out.Gender = id.Gender })
	may("phone", func() { out.Phone, out.PhoneVerified = id.Phone, id.PhoneVerified })
	may("email", func() { out.Email, out.EmailVerified = id.Email, id.EmailVerified })
	may("carrier", func() { out.Carrier = id.Carrier })
	may("foreigner", func() { out.Foreigner = id.Foreigner })
	may("nickname", func() { out.Nickname = id.Nickname })
	may("picture", func() { out.Picture = id.Picture })
	may("profile", func() {
		out.Username, out.Profile, out.Website, out.ZoneInfo, out.Locale = id.Username, id.Profile, id.Website, id.ZoneInfo, id.Locale
	})
	may("address", func() { out.Address = id.Address })
	may("di", func() { out.DI = id.DI })
	out.settle()
	return out
}
