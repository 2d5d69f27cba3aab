package broker

import (
	"strings"

	"sinho/providers"
)

// trimmed drops what no cookie could carry; a dropped value is one not given.
func trimmed(who providers.Identity) providers.Identity {
	for _, f := range []struct {
		value *string
		most  int
	}{
		{&who.Issuer, 255},
		{&who.Subject, 255},
		{&who.Name, 200},
		{&who.Birthdate, 10},
		{&who.Gender, 10},
		{&who.Phone, 20},
		{&who.Email, 254},
		{&who.Carrier, 20},
		{&who.Nickname, 100},
		{&who.Picture, 400},
		{&who.GivenName, 100},
		{&who.FamilyName, 100},
		{&who.MiddleName, 100},
		{&who.Username, 100},
		{&who.Profile, 200},
		{&who.Website, 200},
		{&who.ZoneInfo, 40},
		{&who.Locale, 20},
	} {
		if len(*f.value) > f.most {
			*f.value = ""
		}
		*f.value = strings.ToValidUTF8(*f.value, "")
	}
	if a := who.Address; a != nil && len(a.Formatted)+len(a.Street)+len(a.Locality)+len(a.Region)+len(a.PostalCode)+len(a.Country) > 600 {
		who.Address = nil
	}
	return who
}
