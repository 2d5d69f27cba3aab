package providers

import (
	"slices"
	"strings"
)

// Attribute is one value of an Identity, by the name its claim has.
type Attribute string

// Attributes an Identity can have.
const (
	AttrName       Attribute = "name"
	AttrBirthdate  Attribute = "birthdate"
	AttrGender     Attribute = "gender"
	AttrPhone      Attribute = "phone_number"
	AttrCarrier    Attribute = "carrier"
	AttrForeigner  Attribute = "foreigner"
	AttrEmail      Attribute = "email"
	AttrCI         Attribute = "ci"
	AttrDI         Attribute = "di"
	AttrNickname   Attribute = "nickname"
	AttrPicture    Attribute = "picture"
	AttrGivenName  Attribute = "given_name"
	AttrFamilyName Attribute = "family_name"
	AttrMiddleName Attribute = "middle_name"
	AttrUsername   Attribute = "preferred_username"
	AttrProfile    Attribute = "profile"
	AttrWebsite    Attribute = "website"
	AttrZoneInfo   Attribute = "zoneinfo"
	AttrLocale     Attribute = "locale"
	AttrAddress    Attribute = "address"
)

// EveryAttribute is all of them. Their places are those in Origins: new ones go to
// the end.
func EveryAttribute() []Attribute {
	return []Attribute{
		AttrName, AttrBirthdate, AttrGender, AttrPhone, AttrCarrier, AttrForeigner, AttrEmail, AttrCI, AttrDI,
		AttrNickname, AttrPicture, AttrGivenName, AttrFamilyName, AttrMiddleName, AttrUsername, AttrProfile,
		AttrWebsite, AttrZoneInfo, AttrLocale, AttrAddress,
	}
}

// vouchable are those an identity verification agency can stand for, CI and DI
// apart.
func vouchable() []Attribute {
	return []Attribute{AttrName, AttrBirthdate, AttrGender, AttrPhone, AttrCarrier, AttrForeigner}
}

// Source is where in a provider's answers an attribute stood.
type Source uint8

// Sources. Their numbers are in sealed values: new ones go to the end.
const (
	FromIDToken        Source = iota + 1 // the signed ID token
	FromProfile                          // userinfo, or the vendor's own page of the person
	FromVerifiedClaims                   // verified_claims under the agreed trust framework
	FromResult                           // the one-shot result of a push
	FromContact                          // typed by the person; the push reached them by it
)

// String is the source as docs and logs have it.
func (s Source) String() string {
	names := []string{"id_token", "profile", "verified_claims", "result", "contact"}
	if s == 0 || int(s) > len(names) {
		return "unknown"
	}
	return names[s-1]
}

// String is the assurance as claims and settings spell it.
func (a Assurance) String() string {
	switch a {
	case Asserted:
		return "asserted"
	case Verified:
		return "verified"
	}
	return "unknown"
}

// Origin of an attribute: where it stood, and how far it is vouched for.
type Origin struct {
	Source    Source
	Assurance Assurance
}

// Origins are the origins of an Identity's attributes, one character for each of
// EveryAttribute, in their order: small, for it travels in cookies.
type Origins string

const noOrigin = '.'

// Of is the origin of one attribute; false where it is not told.
func (o Origins) Of(a Attribute) (Origin, bool) {
	i := slices.Index(EveryAttribute(), a)
	if i < 0 || i >= len(o) || o[i] < 'A' || o[i] > 'Z' {
		return Origin{}, false
	}
	n := o[i] - 'A'
	return Origin{Source: Source(n/2 + 1), Assurance: Assurance(n%2 + 1)}, true
}

// With says where some attributes are from.
func (o Origins) With(from Origin, some ...Attribute) Origins {
	all := EveryAttribute()
	places := []byte(strings.Repeat(string(noOrigin), len(all)))
	copy(places, o)
	for _, a := range some {
		if i := slices.Index(all, a); i >= 0 {
			places[i] = 'A' + byte(from.Source-1)*2 + byte(from.Assurance-1)
		}
	}
	return Origins(strings.TrimRight(string(places), string(noOrigin)))
}

// without forgets where an attribute is from.
func (o Origins) without(a Attribute) Origins {
	i := slices.Index(EveryAttribute(), a)
	if i < 0 || i >= len(o) {
		return o
	}
	return Origins(strings.TrimRight(string(o[:i])+string(noOrigin)+string(o[i+1:]), string(noOrigin)))
}

// AssuranceOf is how far one attribute is vouched for: never more than the whole
// Identity, whatever its origin says. What is not there is Asserted. An Identity
// of a time when origins were not kept is judged as a whole.
func (id *Identity) AssuranceOf(a Attribute) Assurance {
	whole := max(id.Assurance, Asserted)
	if id.Origins == "" {
		if slices.Contains(vouchable(), a) {
			return whole
		}
		return Asserted
	}
	from, told := id.Origins.Of(a)
	if !told {
		return Asserted
	}
	return min(from.Assurance, whole)
}

// from notes where attributes are from, as far as they are there.
func (id *Identity) from(s Source, assurance Assurance, some ...Attribute) {
	values := id.values()
	there := slices.DeleteFunc(slices.Clone(some), func(a Attribute) bool { return values[a] == "" })
	id.Origins = id.Origins.With(Origin{Source: s, Assurance: assurance}, there...)
}

// settle forgets where values were from that have gone since.
func (id *Identity) settle() {
	values := id.values()
	for _, a := range EveryAttribute() {
		if values[a] == "" {
			id.Origins = id.Origins.without(a)
		}
	}
}

// values are the attributes as text, "" where they are not given; of those that
// are no text, that they are there.
func (id *Identity) values() map[Attribute]string {
	values := map[Attribute]string{
		AttrName: id.Name, AttrBirthdate: id.Birthdate, AttrGender: id.Gender, AttrPhone: id.Phone,
		AttrCarrier: id.Carrier, AttrEmail: id.Email, AttrCI: id.CI.Reveal(), AttrDI: id.DI.Reveal(),
		AttrNickname: id.Nickname, AttrPicture: id.Picture,
		AttrGivenName: id.GivenName, AttrFamilyName: id.FamilyName, AttrMiddleName: id.MiddleName,
		AttrUsername: id.Username, AttrProfile: id.Profile, AttrWebsite: id.Website,
		AttrZoneInfo: id.ZoneInfo, AttrLocale: id.Locale,
	}
	if id.Foreigner != nil {
		values[AttrForeigner] = "told"
	}
	if id.Address != nil {
		values[AttrAddress] = "told"
	}
	return values
}
