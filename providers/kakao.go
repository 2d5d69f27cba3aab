package providers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"golang.org/x/oauth2"
)

// kakao speaks OpenID Connect; verified attributes and CI stand only at
// /v2/user/me, and errors come as KOE codes and negative numbers.
type kakao struct{ set Settings }

func kakaoKind() kind {
	return kind{
		name:  Text{KO: "카카오", EN: "Kakao"},
		shape: Redirect,
		fresh: FreshProved, // auth_time comes with every ID token
		scopes: []string{
			"openid", "profile_nickname", "account_email", "name", "gender", "birthyear", "birthday", "phone_number",
		},
		algs:   []string{"RS256"},
		needs:  []string{"name", "birthdate"},
		errors: map[string]string{"-406": CodeUnder14},
		check:  vendorChecks,
		make: func(s Settings, l line) (Provider, error) {
			s.Issuer = or(s.Issuer, s.Base, "https://kauth.kakao.com")
			if s.AssertsCI {
				s.Needs = append(slices.Clone(s.Needs), "ci")
				if !slices.Contains(s.Scopes, "account_ci") {
					s.Scopes = append(slices.Clone(s.Scopes), "account_ci")
				}
			}
			auth, api := or(s.Base, "https://kauth.kakao.com"), or(s.Base, "https://kapi.kakao.com")
			return newCodeFlow(s, l, kakao{set: s}, &endpoints{
				authorize: or(s.AuthorizeURL, auth+"/oauth/authorize"),
				token:     or(s.TokenURL, auth+"/oauth/token"),
				keys:      or(s.JWKSURL, auth+"/.well-known/jwks.json"),
				userinfo:  or(s.UserinfoURL, api+"/v2/user/me"),
			}), nil
		},
	}
}

func (k kakao) ask(a Ask, _ endpoints) []oauth2.AuthCodeOption {
	var more []oauth2.AuthCodeOption
	if a.Fresh && *k.set.Fresh != NoFresh {
		more = append(more, oauth2.SetAuthURLParam("prompt", "login"))
	}
	if a.LoginHint != "" {
		more = append(more, oauth2.SetAuthURLParam("login_hint", a.LoginHint))
	}
	return more
}

func (kakao) redeem(Ask) []oauth2.AuthCodeOption { return nil }

// refusal reads KOE codes and API codes. The quota comes as HTTP 400 with -10.
func (kakao) refusal(r reply) (Class, string) {
	var body struct {
		KOE  text `json:"error_code"`
		Code text `json:"code"`
	}
	if !r.decode(&body) {
		return 0, ""
	}
	code := or(string(body.KOE), string(body.Code))
	switch code {
	case "KOE320", "-401":
		return BadCode, code
	case "KOE006", "KOE303", "KOE010", "KOE101", "KOE205":
		return Configuration, code
	case "KOE003", "-1", "-7", "-603", "-9798":
		return Down, code
	case "-10":
		return Throttled, code
	case "-402":
		return Consent, code
	case "-406": // under 14
		return Policy, code
	}
	return 0, code // OAuth's own word counts, unless the settings know better
}

// kakaoAccount is kakao_account of /v2/user/me. An attribute the person has
// not agreed to share is absent, with <name>_needs_agreement true.
type kakaoAccount struct {
	Name          text  `json:"name"`
	NameAsk       maybe `json:"name_needs_agreement"`
	Email         text  `json:"email"`
	EmailAsk      maybe `json:"email_needs_agreement"`
	EmailValid    maybe `json:"is_email_valid"`
	EmailVerified maybe `json:"is_email_verified"`
	Birthyear     text  `json:"birthyear"`
	BirthyearAsk  maybe `json:"birthyear_needs_agreement"`
	Birthday      text  `json:"birthday"`
	BirthdayAsk   maybe `json:"birthday_needs_agreement"`
	BirthdayType  text  `json:"birthday_type"`
	Gender        text  `json:"gender"`
	GenderAsk     maybe `json:"gender_needs_agreement"`
	Phone         text  `json:"phone_number"`
	PhoneAsk      maybe `json:"phone_number_needs_agreement"`
	CI            text  `json:"ci"`
	CIAsk         maybe `json:"ci_needs_agreement"`
	Profile       object[struct {
		Nickname text `json:"nickname"`
		Picture  text `json:"profile_image_url"`
	}] `json:"profile"`
}

func (k kakao) identify(ctx context.Context, f *codeFlow, e endpoints, access string, t *idToken, id *Identity) error {
	const op = "read account"
	r, err := f.profile(ctx, op, e.userinfo, access)
	if err != nil {
		return err
	}
	var body struct {
		ID      json.Number          `json:"id"` // beyond 2^53: never a float
		Account object[kakaoAccount] `json:"kakao_account"`
	}
	if !r.decode(&body) || body.ID == "" {
		if class, code := k.refusal(r); class != 0 || f.knows(code) {
			return f.refuse(op, r, "")
		}
		return f.nonsense(op, "account")
	}
	if body.ID.String() != t.Subject {
		return f.stranger(op)
	}
	a := body.Account.v
	if lack := a.withheld(k.set.Needs); lack != "" {
		return f.fail(Consent, lack, errors.New(op+": the person has not agreed to share it"))
	}
	id.Name = asName(string(a.Name), 100)
	if id.Email = asEmail(string(a.Email)); id.Email != "" {
		id.EmailVerified = a.EmailValid.on && a.EmailVerified.on
	}
	if a.BirthdayType != "LUNAR" { // a day of another calendar is no birthdate
		id.Birthdate = asBirthdateOf(string(a.Birthyear), string(a.Birthday))
	}
	id.Gender = asGender(string(a.Gender))
	id.Phone = asPhone(string(a.Phone))
	id.Nickname = asName(string(a.Profile.v.Nickname), 60)
	id.Picture = asWeb(string(a.Profile.v.Picture))
	if k.set.AssertsCI && a.CI != "" {
		if id.CI = asCI(string(a.CI)); id.CI == (CI{}) {
			return f.nonsense(op, "ci")
		}
	}
	id.from(FromProfile, Asserted, EveryAttribute()...)
	return nil
}

// withheld is the first needed attribute the person has yet to agree to.
func (a kakaoAccount) withheld(needs []string) string {
	for _, v := range []struct {
		name string
		ask  bool
	}{
		{"name", a.Name == "" && a.NameAsk.on},
		{"birthdate", a.Birthyear == "" && a.BirthyearAsk.on || a.Birthday == "" && a.BirthdayAsk.on},
		{"gender", a.Gender == "" && a.GenderAsk.on},
		{"phone", a.Phone == "" && a.PhoneAsk.on},
		{"email", a.Email == "" && a.EmailAsk.on},
		{"ci", a.CI == "" && a.CIAsk.on},
	} {
		if v.ask && slices.Contains(needs, v.name) {
			return v.name
		}
	}
	return ""
}
