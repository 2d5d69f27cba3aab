package providers

import "encoding/json"

// maxProfile bounds an identity as JSON, in bytes: it travels in a cookie, of
// which browsers keep 4,096 bytes.
const maxProfile = 2200

// Bounds of single values: characters, but for those that are ASCII.
const (
	maxNickname    = 60
	maxUsername    = 60
	maxZone        = 40
	maxLocale      = 35 // RFC 5646 section 4.4.1
	maxAddressPart = 100
	maxAddress     = 300
)

// adorn takes what people tell about themselves and nobody verifies (OpenID
// Connect Core 5.1).
func (id *Identity) adorn(c claims) {
	id.Nickname = asName(string(c.Nickname), maxNickname)
	id.Username = asName(string(c.Username), maxUsername)
	id.Picture, id.Profile, id.Website = asWeb(string(c.Picture)), asWeb(string(c.Profile)), asWeb(string(c.Website))
	id.ZoneInfo, id.Locale = asZone(string(c.ZoneInfo)), asLocale(string(c.Locale))
}

// tells are the attributes of adorn, and the e-mail address.
func tells() []Attribute {
	return []Attribute{
		AttrNickname, AttrUsername, AttrPicture, AttrProfile, AttrWebsite, AttrZoneInfo, AttrLocale, AttrEmail,
	}
}

// documented are the attributes of papers, and CI.
func documented() []Attribute {
	return []Attribute{
		AttrName, AttrGivenName, AttrFamilyName, AttrMiddleName, AttrBirthdate, AttrGender, AttrPhone, AttrCarrier,
		AttrForeigner, AttrAddress, AttrCI, AttrDI,
	}
}

// papers takes what somebody may have verified.
func (id *Identity) papers(c claims) {
	id.name(c)
	id.Address = c.Address.v.normal()
	id.Birthdate = asBirthdate(string(c.Birthdate))
	id.Gender = asGender(string(c.Gender))
	if id.Phone = asPhone(string(c.Phone)); id.Phone != "" {
		id.PhoneVerified = c.PhoneVerified.on
	}
	id.Carrier, id.DI = asCarrier(string(c.Carrier)), asDI(string(c.DI))
	if c.Foreigner.given {
		id.Foreigner = &c.Foreigner.on
	}
}

// name takes the names people are called by in papers.
func (id *Identity) name(c claims) {
	id.Name = asName(string(c.Name), 100)
	id.GivenName = asName(string(c.GivenName), 60)
	id.FamilyName = asName(string(c.FamilyName), 60)
	id.MiddleName = asName(string(c.MiddleName), 60)
}

// normal is nil for an address that says nothing.
func (a claimedAddress) normal() *Address {
	n := Address{
		Formatted:  asLines(string(a.Formatted), maxAddress),
		Street:     asLines(string(a.Street), maxAddressPart),
		Locality:   asName(string(a.Locality), maxAddressPart),
		Region:     asName(string(a.Region), maxAddressPart),
		PostalCode: asName(string(a.PostalCode), maxAddressPart),
		Country:    asName(string(a.Country), maxAddressPart),
	}
	if n == (Address{}) {
		return nil
	}
	return &n
}

// slim drops whole values, the least missed first, until the rest fits, and
// where they were from with them.
func (id *Identity) slim() {
	defer id.settle()
	for _, drop := range []func(){
		func() {
			if a := id.Address; a != nil && (a.Street != "" || a.Locality != "" || a.Region != "") {
				a.Formatted = "" // the parts say the same
			}
		},
		func() { id.Picture = "" },
		func() { id.Profile = "" },
		func() { id.Website = "" },
		func() { id.Address = nil },
		func() { id.Nickname, id.Username = "", "" },
		func() { id.MiddleName = "" },
		func() { id.GivenName, id.FamilyName = "", "" },
	} {
		if all, err := json.Marshal(id); err == nil && len(all) <= maxProfile {
			return
		}
		drop()
	}
}
