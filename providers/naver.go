package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// naver speaks OpenID Connect on its /oauth2/ path and, for applications that are
// not open to that, OAuth 2 alone on the older /oauth2.0/; who the person is
// stands only at /v1/nid/me, nested, with Naver's own result codes. The id there
// is the same on both paths, so people stay who they are when the path changes.
type naver struct{ set Settings }

func naverKind() kind {
	return kind{
		name:   Text{KO: "네이버", EN: "Naver"},
		shape:  Redirect,
		fresh:  FreshRequested, // auth_type=reauthenticate is obeyed, never proved
		scopes: []string{"openid", "profile"},
		algs:   []string{"RS256"},
		check: func(s Settings) []error {
			wrong := vendorChecks(s)
			if s.AssertsCI {
				wrong = append(wrong, errors.New("AssertsCI: Naver sends no CI"))
			}
			if s.Fresh != nil && *s.Fresh == FreshProved {
				wrong = append(wrong, errors.New("setting Fresh: Naver can be asked for a fresh login, it does not prove one"))
			}
			if s.OAuth2 && (len(s.Scopes) > 0 || len(s.Algorithms) > 0 || s.JWKSURL != "") {
				wrong = append(wrong, errors.New("setting OAuth2: there are no Scopes, Algorithms and JWKSURL without OpenID Connect"))
			}
			return wrong
		},
		make: func(s Settings, l line) (Provider, error) {
			s.Issuer = or(s.Issuer, s.Base, "https://nid.naver.com")
			id, api := or(s.Base, "https://nid.naver.com"), or(s.Base, "https://openapi.naver.com")
			if s.OAuth2 {
				s.Scopes = nil
				f := newCodeFlow(s, l, naver{set: s}, &endpoints{
					authorize: or(s.AuthorizeURL, id+"/oauth2.0/authorize"),
					token:     or(s.TokenURL, id+"/oauth2.0/token"),
					userinfo:  or(s.UserinfoURL, api+"/v1/nid/me"),
				})
				f.plain = true
				return f, nil
			}
			return newCodeFlow(s, l, naver{set: s}, &endpoints{
				authorize: or(s.AuthorizeURL, id+"/oauth2/authorize"),
				token:     or(s.TokenURL, id+"/oauth2/token"),
				keys:      or(s.JWKSURL, id+"/oauth2/jwks"),
				userinfo:  or(s.UserinfoURL, api+"/v1/nid/me"),
			}), nil
		},
	}
}

// vendorChecks are what Naver and Kakao share: a secret, and no more than an
// asserted name.
func vendorChecks(s Settings) []error {
	var wrong []error
	if s.ClientSecret == "" {
		wrong = append(wrong, errors.New("ClientSecret is needed"))
	}
	if s.Assurance == Verified {
		wrong = append(wrong, fmt.Errorf("Assurance: %s asserts a name, it does not verify it", s.kind()))
	}
	if s.Issuer != "" {
		if err := goodURL(s.Issuer); err != nil {
			wrong = append(wrong, fmt.Errorf("setting Issuer %q %w", s.Issuer, err))
		}
	}
	return wrong
}

func (n naver) ask(a Ask, _ endpoints) []oauth2.AuthCodeOption {
	if a.Fresh && *n.set.Fresh != NoFresh {
		// reprompt would only ask for consent again.
		return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("auth_type", "reauthenticate")}
	}
	return nil
}

// redeem repeats state at the token call, where Naver documents it as required.
func (naver) redeem(a Ask) []oauth2.AuthCodeOption {
	return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("state", a.State)}
}

// refusal knows Naver's two voices: OAuth errors, on the legacy path with HTTP
// 200, where invalid_request is a used or bad code; and result codes.
func (naver) refusal(r reply) (Class, string) {
	var body struct {
		Error       text `json:"error"`
		Description text `json:"error_description"`
		ResultCode  text `json:"resultcode"`
	}
	if !r.decode(&body) {
		return 0, ""
	}
	spent := r.status == http.StatusOK || strings.Contains(string(body.Description), "no valid data in session")
	switch code := string(body.ResultCode); {
	case body.Error == "invalid_request" && spent:
		return BadCode, "invalid_request"
	case code == "", code == "00":
		return 0, ""
	case code == "024", code == "028": // authentication failed; no token sent
		return BadCode, code
	case code == "403":
		return Configuration, code
	default:
		return Down, code
	}
}

func (n naver) identify(ctx context.Context, f *codeFlow, e endpoints, access string, t *idToken, id *Identity) error {
	const op = "read profile"
	r, err := f.profile(ctx, op, e.userinfo, access)
	if err != nil {
		return err
	}
	var body struct {
		ResultCode text `json:"resultcode"`
		Response   object[struct {
			ID         text `json:"id"`
			Name       text `json:"name"`
			Nickname   text `json:"nickname"`
			Email      text `json:"email"`
			Gender     text `json:"gender"`
			Birthday   text `json:"birthday"`
			Birthyear  text `json:"birthyear"`
			Mobile     text `json:"mobile"`
			MobileE164 text `json:"mobile_e164"`
			Picture    text `json:"profile_image"`
		}] `json:"response"`
	}
	switch {
	case !r.decode(&body) || body.ResultCode == "":
		return f.nonsense(op, "profile")
	case body.ResultCode != "00":
		return f.refuse(op, r, string(body.ResultCode))
	}
	p := body.Response.v
	if p.ID == "" || len(p.ID) > 64 {
		return f.nonsense(op, "profile")
	}
	switch {
	case t == nil: // the older path: nobody else says who it is
		if id.Subject = asSubject(string(p.ID)); id.Subject == "" {
			return f.nonsense(op, "profile")
		}
	case string(p.ID) != t.Subject:
		return f.stranger(op)
	}
	id.Name = asName(string(p.Name), 100)
	id.Nickname = asName(string(p.Nickname), 60)
	id.Email = asEmail(string(p.Email)) // there is no email_verified
	id.Gender = asGender(string(p.Gender))
	id.Birthdate = asBirthdateOf(string(p.Birthyear), string(p.Birthday))
	if id.Phone = asPhone(string(p.MobileE164)); id.Phone == "" {
		id.Phone = asPhone(string(p.Mobile))
	}
	id.Picture = asWeb(string(p.Picture))
	id.from(FromProfile, Asserted, EveryAttribute()...)
	if lack := f.missing(id); lack != "" {
		return f.fail(Consent, lack, errors.New(op+": a needed value was not shared"))
	}
	return nil
}
