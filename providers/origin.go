package providers

import (
	"bytes"
	"slices"
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

// attributes are all of them. Their places are those in Origins: new ones go to
// the end.
var attributes = [...]Attribute{
	AttrName, AttrBirthdate, AttrGender, AttrPhone, AttrCarrier, AttrForeigner, AttrEmail, AttrCI, AttrDI,
	AttrNickname, AttrPicture, AttrGivenName, AttrFamilyName, AttrMiddleName, AttrUsername, AttrProfile,
	AttrWebsite, AttrZoneInfo, AttrLocale, AttrAddress,
}

// places of attributes, for every login asks.
var places = func() map[Attribute]int {
	all := map[Attribute]int{}
	for i, a := range attributes {
		all[a] = i
	}
	return all
}()

// EveryAttribute is all of them.
func EveryAttribute() []Attribute { return slices.Clone(attributes[:]) }

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
	i, known := places[a]
	if !known || i >= len(o) || o[i] < 'A' || o[i] > 'Z' {
		return Origin{}, false
	}
	n := o[i] - 'A'
	return Origin{Source: Source(n/2 + 1), Assurance: Assurance(n%2 + 1)}, true
}

// With says where some attributes are from.
func (o Origins) With(from Origin, some ...Attribute) Origins {
	all := o.spread()
	for _, a := range some {
		if i, known := places[a]; known {
			all[i] = 'A' + byte(from.Source-1)*2 + byte(from.Assurance-1)
		}
	}
	return joined(all)
}

// spread is one character for each attribute.
func (o Origins) spread() (all [len(attributes)]byte) {
	for i := range all {
		all[i] = noOrigin
	}
	copy(all[:], o)
	return all
}

func joined(all [len(attributes)]byte) Origins {
	return Origins(bytes.TrimRight(all[:], string(noOrigin)))
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
	all := id.Origins.spread()
	for _, a := range some {
		if id.has(a) {
			all[places[a]] = 'A' + byte(s-1)*2 + byte(assurance-1)
		}
	}
	id.Origins = joined(all)
}

// settle forgets where values were from that have gone since.
func (id *Identity) settle() {
	all := id.Origins.spread()
	for i, a := range attributes {
		if !id.has(a) {
			all[i] = noOrigin
		}
	}
	id.Origins = joined(all)
}

// has says that an attribute is there.
func (id *Identity) has(a Attribute) bool {
	switch a { //nolint:exhaustive // the others are texts
	case AttrCI:
		return id.CI != CI{}
	case AttrDI:
		return id.DI != DI{}
	case AttrForeigner:
		return id.Foreigner != nil
	case AttrAddress:
		return id.Address != nil
	}
	return id.text(a) != ""
}

// text is an attribute that is a text, "" where it is not given or none.
func (id *Identity) text(a Attribute) string {
	switch a { //nolint:exhaustive // the others are none
	case AttrName:
		return id.Name
	case AttrBirthdate:
		return id.Birthdate
	case AttrGender:
		return id.Gender
	case AttrPhone:
		return id.Phone
	case AttrCarrier:
		return id.Carrier
	case AttrEmail:
		return id.Email
	case AttrNickname:
		return id.Nickname
	case AttrPicture:
		return id.Picture
	case AttrGivenName:
		return id.GivenName
	case AttrFamilyName:
		return id.FamilyName
	case AttrMiddleName:
		return id.MiddleName
	case AttrUsername:
		return id.Username
	case AttrProfile:
		return id.Profile
	case AttrWebsite:
		return id.Website
	case AttrZoneInfo:
		return id.ZoneInfo
	case AttrLocale:
		return id.Locale
	}
	return ""
}
