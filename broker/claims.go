package broker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sinho/broker/client"
	"sinho/broker/keys"
	"sinho/providers"
)

// idToken are the claims of an ID token (OpenID Connect Core §2). Claims about
// the person are in userinfo, and here only where the site asked for them here.
type idToken struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	AuthTime int64  `json:"auth_time,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	ACR      string `json:"acr"`
	Session  string `json:"sid"`
	AtHash   string `json:"at_hash"`
	Txn      string `json:"txn"` // for disputes: 문의번호, then what makes it unique
	personClaims
}

// signIDToken makes the one signature of a login.
func (b *Broker) signIDToken(c client.Client, g *grant, nonce, subject, access string, now time.Time) (string, error) {
	atHash, err := keys.HalfHash(c.Algorithm, access)
	if err != nil {
		return "", fmt.Errorf("sign ID token: %w", err)
	}
	claims, err := json.Marshal(&idToken{
		Issuer: b.issuer, Subject: subject, Audience: c.ID,
		Expires: now.Add(idTokenTTL).Unix(), Issued: now.Unix(), AuthTime: g.authTime(),
		Nonce: nonce, ACR: acrOf(g.Who.Assurance, g.Fresh, g.ACR), Session: g.SID, AtHash: atHash, Txn: g.Txn,
		personClaims: g.person(g.wanted(c, 0, false)),
	})
	if err != nil {
		return "", fmt.Errorf("sign ID token: %w", err)
	}
	signed, err := b.keys.Sign(c.Algorithm, claims, "JWT")
	if err != nil {
		return "", fmt.Errorf("sign ID token: %w", err)
	}
	return signed, nil
}

// userClaims are what userinfo answers: the snapshot of the login.
type userClaims struct {
	Subject  string `json:"sub"`
	AuthTime int64  `json:"auth_time,omitempty"` // here only on request
	ACR      string `json:"acr,omitempty"`       // here only on request
	personClaims
}

// userClaims are those of the granted scopes and those asked for one by one.
func (g *grant) userClaims(c client.Client, s scope, subject string) userClaims {
	if !s.has(scopeOpenID) {
		return userClaims{Subject: subject}
	}
	set := g.wanted(c, s, true)
	u := userClaims{Subject: subject, personClaims: g.person(set)}
	if set.has(claimAuthTime) {
		u.AuthTime = g.authTime()
	}
	if set.has(claimACR) {
		u.ACR = acrOf(g.Who.Assurance, g.Fresh, g.ACR)
	}
	return u
}

// personClaims are the claims about a person. Absent means not asked for, or
// not known of this person.
type personClaims struct {
	Name          string             `json:"name,omitempty"`
	GivenName     string             `json:"given_name,omitempty"`
	FamilyName    string             `json:"family_name,omitempty"`
	MiddleName    string             `json:"middle_name,omitempty"`
	Nickname      string             `json:"nickname,omitempty"`
	Username      string             `json:"preferred_username,omitempty"`
	Profile       string             `json:"profile,omitempty"`
	Picture       string             `json:"picture,omitempty"`
	Website       string             `json:"website,omitempty"`
	Gender        string             `json:"gender,omitempty"`
	Birthdate     string             `json:"birthdate,omitempty"`
	ZoneInfo      string             `json:"zoneinfo,omitempty"`
	Locale        string             `json:"locale,omitempty"`
	UpdatedAt     int64              `json:"updated_at,omitempty"`
	Email         string             `json:"email,omitempty"`
	EmailVerified *bool              `json:"email_verified,omitempty"`
	Phone         string             `json:"phone_number,omitempty"`
	PhoneVerified *bool              `json:"phone_number_verified,omitempty"`
	Address       *providers.Address `json:"address,omitempty"`
	Identity      *verifiedIdentity  `json:"identity,omitempty"`
	Assurance     string             `json:"assurance,omitempty"` // asserted or verified
	Provider      string             `json:"provider,omitempty"`
}

// verifiedIdentity is the claim identity: what an identity verification agency
// vouches for (docs/decisions/0022-identity-scope.md).
type verifiedIdentity struct {
	Name       string `json:"name,omitempty"`
	Birthdate  string `json:"birthdate,omitempty"`
	Gender     string `json:"gender,omitempty"`
	Phone      string `json:"phone_number,omitempty"`
	Carrier    string `json:"carrier,omitempty"`
	Foreigner  *bool  `json:"foreigner,omitempty"`
	VerifiedAt int64  `json:"verified_at"` // Unix time
}

// Single claims by name, and those each scope stands for (Core §5.4).
var (
	claimUpdatedAt     = claimNamed("updated_at")
	claimEmail         = claimNamed("email")
	claimEmailVerified = claimNamed("email_verified")
	claimPhone         = claimNamed("phone_number")
	claimPhoneVerified = claimNamed("phone_number_verified")
	claimAddress       = claimNamed("address")
	claimIdentity      = claimNamed("identity")
	claimACR           = claimNamed("acr")
	claimAuthTime      = claimNamed("auth_time")
	claimAssurance     = claimNamed("assurance")
	claimProvider      = claimNamed("provider")

	claimsOfScope = [len(scopeNames)]claimSet{
		claimsNamed("sub", "acr", "auth_time", "assurance", "provider"),
		claimsNamed("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
			"website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
		claimsNamed("email", "email_verified"),
		claimsNamed("phone_number", "phone_number_verified"),
		claimsNamed("address"),
		0, // offline_access
		claimsNamed("identity"),
	}
)

func claimsNamed(names ...string) (set claimSet) {
	for _, name := range names {
		set |= claimNamed(name)
	}
	return set
}

func (s claimSet) has(x claimSet) bool { return s&x != 0 }

// wanted are the claims that go to userinfo or into the ID token: those of the
// scopes (which are userinfo's alone) and those asked for there, of what the
// client may have at all. A claim whose demanded value this person does not have
// is left out.
func (g *grant) wanted(c client.Client, s scope, userinfo bool) claimSet {
	set := g.Wants.IDToken
	if userinfo {
		set = g.Wants.Userinfo | claimAssurance
	}
	if c.TellProvider {
		set |= claimProvider
	}
	set = (set | claimsFor(s)) & claimsAllowed(c)
	for i := range g.Wants.Must {
		if m := &g.Wants.Must[i]; m.Userinfo == userinfo && set.has(claimNamed(m.Claim)) && !g.meets(m) {
			set &^= claimNamed(m.Claim)
		}
	}
	return set
}

// claimsFor are the claims of scopes (Core §5.4).
func claimsFor(s scope) (set claimSet) {
	for i, of := range claimsOfScope {
		if i > 0 && s.has(1<<i) {
			set |= of
		}
	}
	return set
}

// claimsAllowed are those a client may have at all.
func claimsAllowed(c client.Client) (set claimSet) {
	for i, of := range claimsOfScope {
		if c.AllowsScope(scopeNames[i]) {
			set |= of
		}
	}
	if !c.TellProvider {
		set &^= claimProvider
	}
	return set
}

// meets says that the person has one of the values asked for. Objects have none
// that could be asked for.
func (g *grant) meets(m *demand) bool {
	var is string
	switch m.Claim {
	case "acr":
		is = acrOf(g.Who.Assurance, g.Fresh, g.ACR)
	case "auth_time":
		is = strconv.FormatInt(g.authTime(), 10)
	case "updated_at":
		is = strconv.FormatInt(g.At.Unix(), 10)
	default:
		is = claimText(&g.Who, m.Claim)
	}
	return is != "" && slices.Contains(m.Values, is)
}

// vouchedFor is what an agency stands for, attribute by attribute: what is only
// asserted stays away, even beside what is verified.
func vouchedFor(who *providers.Identity) *verifiedIdentity {
	var v verifiedIdentity
	for _, one := range [...]struct {
		is   providers.Attribute
		to   *string
		from string
	}{
		{providers.AttrName, &v.Name, who.Name},
		{providers.AttrBirthdate, &v.Birthdate, who.Birthdate},
		{providers.AttrGender, &v.Gender, who.Gender},
		{providers.AttrPhone, &v.Phone, who.Phone},
		{providers.AttrCarrier, &v.Carrier, who.Carrier},
	} {
		if who.AssuranceOf(one.is) >= providers.Verified {
			*one.to = one.from
		}
	}
	if who.AssuranceOf(providers.AttrForeigner) >= providers.Verified {
		v.Foreigner = who.Foreigner
	}
	return &v
}

// person are the claims of a set, as far as they are known.
func (g *grant) person(set claimSet) personClaims {
	var p personClaims
	if set == 0 {
		return p
	}
	who := &g.Who
	for i, f := range [...]struct {
		to   *string
		from string
	}{ // the first of claimNames, in their order
		{&p.Name, who.Name},
		{&p.GivenName, who.GivenName},
		{&p.FamilyName, who.FamilyName},
		{&p.MiddleName, who.MiddleName},
		{&p.Nickname, who.Nickname},
		{&p.Username, who.Username},
		{&p.Profile, who.Profile},
		{&p.Picture, who.Picture},
		{&p.Website, who.Website},
		{&p.Gender, who.Gender},
		{&p.Birthdate, who.Birthdate},
		{&p.ZoneInfo, who.ZoneInfo},
		{&p.Locale, who.Locale},
	} {
		if set.has(1 << i) {
			*f.to = f.from
		}
	}
	if set.has(claimUpdatedAt) {
		p.UpdatedAt = g.At.Unix()
	}
	if set.has(claimEmail) {
		p.Email = who.Email
	}
	if set.has(claimEmailVerified) && who.Email != "" {
		p.EmailVerified = &who.EmailVerified
	}
	if set.has(claimPhone) {
		p.Phone = who.Phone
	}
	if set.has(claimPhoneVerified) && who.Phone != "" {
		p.PhoneVerified = &who.PhoneVerified
	}
	if set.has(claimAddress) && who.Address != nil && *who.Address != (providers.Address{}) {
		p.Address = who.Address
	}
	verified := who.Assurance >= providers.Verified
	if set.has(claimIdentity) && verified {
		p.Identity = vouchedFor(who)
		p.Identity.VerifiedAt = g.At.Unix()
	}
	if set.has(claimAssurance) {
		p.Assurance = "asserted"
		if verified {
			p.Assurance = "verified"
		}
	}
	if set.has(claimProvider) {
		p.Provider = who.Provider
	}
	return p
}
