package broker

import "slices"

// claimSet is a set of claims by their place in claimNames.
type claimSet uint64

// claimNames are the claims about people a site may ask for, by scope or one by
// one (OpenID Connect Core §5.1, §5.5). The order is part of the sealed forms:
// names are added at the end and never moved.
var claimNames = [...]string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
	"website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
	"email", "email_verified", "phone_number", "phone_number_verified", "address", "identity",
	"sub", "acr", "auth_time", "assurance", "provider",
}

// claimNamed is the set of one claim, empty for a name nobody knows.
func claimNamed(name string) claimSet {
	if i := slices.Index(claimNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// wants is a claims parameter as read: which claims go where, and what they
// must be.
type wants struct {
	IDToken  claimSet
	Userinfo claimSet
	Must     []demand
}

// demand is one claim whose value the site has named (Core §5.5.1).
type demand struct {
	Claim  string // one of claimNames
	Values []string
	// Essential: another value is an error to the site. A claim that is not
	// essential is left out instead.
	Essential bool
	// Userinfo: asked for there and not in the ID token.
	Userinfo bool
}

const (
	tagWantsIDToken byte = iota + 1
	tagWantsUserinfo
	tagWantsMust // once for each
)

const (
	tagMustClaim byte = iota + 1
	tagMustValue      // once for each
	tagMustEssential
	tagMustUserinfo
)

func (w *wants) empty() bool { return w.IDToken == 0 && w.Userinfo == 0 && len(w.Must) == 0 }

// marshal is nil for nothing wanted.
func (w *wants) marshal() []byte {
	if w.empty() {
		return nil
	}
	f := newForm(64)
	f.number(tagWantsIDToken, int64(w.IDToken))   //nolint:gosec // far below 2^63
	f.number(tagWantsUserinfo, int64(w.Userinfo)) //nolint:gosec // far below 2^63
	for _, m := range w.Must {
		one := newForm(64)
		one.text(tagMustClaim, m.Claim)
		for _, v := range m.Values {
			one.text(tagMustValue, v)
		}
		one.flag(tagMustEssential, m.Essential)
		one.flag(tagMustUserinfo, m.Userinfo)
		f.bytes(tagWantsMust, one)
	}
	return f
}

func (w *wants) unmarshal(p []byte) error {
	*w = wants{}
	var inner error
	err := fields(p, func(tag byte, v []byte) {
		switch tag {
		case tagWantsIDToken:
			w.IDToken = claimSet(number(v)) //nolint:gosec // what marshal wrote
		case tagWantsUserinfo:
			w.Userinfo = claimSet(number(v)) //nolint:gosec // what marshal wrote
		case tagWantsMust:
			var m demand
			if e := fields(v, func(tag byte, v []byte) {
				switch tag {
				case tagMustClaim:
					m.Claim = string(v)
				case tagMustValue:
					m.Values = append(m.Values, string(v))
				case tagMustEssential:
					m.Essential = flagged(v)
				case tagMustUserinfo:
					m.Userinfo = flagged(v)
				}
			}); e != nil {
				inner = e
			}
			w.Must = append(w.Must, m)
		}
	})
	if err == nil {
		err = inner
	}
	return err
}
