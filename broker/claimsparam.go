package broker

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sinho/broker/client"
	"sinho/providers"
)

// readClaims reads a claims parameter (OpenID Connect Core §5.5) into q. Claims
// nobody knows, and those the client may not have, are ignored, but for one that
// would decide who may come in: a site must not believe that it does.
func (q *request) readClaims(c client.Client, text string) *refusal {
	if text == "" {
		return nil
	}
	parts, err := claimRequests(text)
	if err != nil {
		return refuse("invalid_request", "claims: %s", err)
	}
	for _, p := range []struct {
		member string
		into   *claimSet
	}{{"id_token", &q.Wants.IDToken}, {"userinfo", &q.Wants.Userinfo}} {
		asks := parts[p.member]
		for _, name := range slices.Sorted(maps.Keys(asks)) {
			set := claimNamed(name)
			if set == 0 {
				continue
			}
			ask := asks[name]
			if !mayHave(c, name) {
				if ask.essential && len(ask.values) > 0 {
					return refuse("invalid_request", "claims: %s is not for this client", name)
				}
				continue
			}
			*p.into |= set
			if bad := q.demand(name, ask, p.member == "userinfo"); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// demand takes what a site says about one claim.
func (q *request) demand(name string, ask claimAsk, userinfo bool) *refusal {
	switch name {
	case "acr":
		return q.demandACR(ask)
	case "auth_time":
		if ask.essential && q.MaxAge < 0 {
			// It must be known then (Core §2): as under a max_age that is never over.
			q.MaxAge = maxAgeMost
		}
		return nil
	case "sub":
		if len(ask.values) == 1 && (q.HintSub == "" || q.HintSub == ask.values[0]) {
			q.HintSub = ask.values[0]
			return nil
		}
		ask.essential = true // whatever it says (Core §5.5.1)
	}
	if len(ask.values) > 0 {
		q.Wants.Must = append(q.Wants.Must, demand{Claim: name, Values: ask.values, Essential: ask.essential, Userinfo: userinfo})
	}
	return nil
}

// demandACR: an essential acr must be one of those named (Core §5.5.1.1).
func (q *request) demandACR(ask claimAsk) *refusal {
	var asked acrSet
	for _, v := range ask.values {
		asked |= acrNamed(v)
	}
	switch {
	case !ask.essential || len(ask.values) == 0:
		q.ACR |= asked
	case asked == 0:
		return refuse("unmet_authentication_requirements", "no acr that is essential is known here")
	case q.NeedOnly && q.ACR&asked == 0:
		return refuse("unmet_authentication_requirements", "no acr is essential in the ID token and in userinfo alike")
	case q.NeedOnly:
		q.ACR &= asked
	default:
		q.ACR, q.NeedOnly = asked, true
	}
	return nil
}

// mayHave says whether a client may be told a claim.
func mayHave(c client.Client, name string) bool {
	i := slices.Index(claimNames[:], name)
	switch {
	case name == "provider":
		return c.TellProvider
	case name == "identity":
		return c.AllowsScope("identity")
	case name == "address":
		return c.AllowsScope("address")
	case strings.HasPrefix(name, "email"):
		return c.AllowsScope("email")
	case strings.HasPrefix(name, "phone_number"):
		return c.AllowsScope("phone")
	case i < slices.Index(claimNames[:], "email"):
		return c.AllowsScope("profile")
	}
	return true
}

// claimAsk is one member of id_token or userinfo.
type claimAsk struct {
	essential bool
	values    []string
}

// claimRequests reads the text: member, claim, what is said of it. Members
// other than id_token and userinfo are not looked at (Core §5.5).
func claimRequests(text string) (map[string]map[string]claimAsk, error) {
	root, err := strictJSON(text, maxClaimsDepth)
	if err != nil {
		return nil, err
	}
	top, ok := root.(map[string]any)
	if !ok {
		return nil, errors.New("must be an object")
	}
	parts := map[string]map[string]claimAsk{}
	for _, member := range []string{"id_token", "userinfo"} {
		claims, ok := top[member].(map[string]any)
		if !ok && top[member] != nil {
			return nil, errors.New(member + " must be an object")
		}
		parts[member] = map[string]claimAsk{}
		for name, said := range claims {
			if claimNamed(name) == 0 {
				continue
			}
			if parts[member][name], err = readAsk(said); err != nil {
				return nil, errors.New(name + " " + err.Error())
			}
		}
	}
	return parts, nil
}

func readAsk(said any) (claimAsk, error) {
	var ask claimAsk
	object, ok := said.(map[string]any)
	if !ok && said != nil {
		return ask, errors.New("must be null or an object")
	}
	if e, has := object["essential"]; has {
		if ask.essential, ok = e.(bool); !ok {
			return ask, errors.New("has an essential that is no boolean")
		}
	}
	var values []any
	if v, has := object["values"]; has {
		if values, ok = v.([]any); !ok || len(values) == 0 {
			return ask, errors.New("has values that are no list")
		}
	}
	if v, has := object["value"]; has && v != nil {
		values = append(values, v)
	}
	if len(values) > maxClaimValues {
		return ask, errors.New("has more than " + strconv.Itoa(maxClaimValues) + " values")
	}
	for _, v := range values {
		text, ok := scalar(v)
		switch {
		case !ok:
			return ask, errors.New("has a value that is no text, number or boolean")
		case len(text) > maxClaimValue:
			return ask, errors.New("has a value of more than " + strconv.Itoa(maxClaimValue) + " bytes")
		}
		ask.values = append(ask.values, text)
	}
	return ask, nil
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// strictJSON reads one value: nothing behind it, no name twice in an object, at
// most depth objects and arrays within each other. Numbers stay as written.
func strictJSON(text string, depth int) (any, error) {
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return nil, errors.New("is no JSON")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d, depth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something behind its end")
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, errors.New("is no JSON")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == 0 {
		return nil, errors.New("is nested too deeply")
	}
	object, list := map[string]any{}, []any{}
	for d.More() {
		name := ""
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, errors.New("is no JSON")
			}
			name, _ = key.(string)
			if _, twice := object[name]; twice {
				return nil, errors.New("has a name twice")
			}
		}
		v, err := readJSON(d, depth-1)
		if err != nil {
			return nil, err
		}
		object[name] = v
		list = append(list, v)
	}
	if _, err := d.Token(); err != nil { // the end of it
		return nil, errors.New("is no JSON")
	}
	if open == '{' {
		return object, nil
	}
	return list, nil
}

// refuses says by which error a site must be told of l, a login of the person it
// knows as sub, instead of being given it: "" for a login that is what q
// demands. Somebody else than the site named is never a login. What else the
// site demands of them is wantsOther's to say.
func (q *request) refuses(l login, sub string) (oauthError string) {
	if q.HintSub != "" && !equal([]byte(q.HintSub), []byte(sub)) {
		return "login_required" // Core §3.1.2.2
	}
	if q.NeedOnly && q.ACR&acrOfLogin(l.who.Assurance, l.fresh) == 0 {
		return "unmet_authentication_requirements"
	}
	for _, m := range q.Wants.Must {
		if m.Essential && m.Claim == "sub" && !slices.Contains(m.Values, sub) {
			return "login_required"
		}
	}
	return ""
}

// wantsOther says that who is not as the site demands. Whoever answers by it
// tells the site something about them: see Broker.demanded.
func (q *request) wantsOther(who *providers.Identity) bool {
	for _, m := range q.Wants.Must {
		if !m.Essential || m.Claim == "sub" {
			continue
		}
		if text := claimText(who, m.Claim); text == "" || !slices.Contains(m.Values, text) {
			return true
		}
	}
	return false
}

// claimText is a claim of a person as a site may name its value: "" when it is
// not known, or is nothing that can be named.
func claimText(who *providers.Identity, claim string) string {
	switch claim {
	case "name":
		return who.Name
	case "given_name":
		return who.GivenName
	case "family_name":
		return who.FamilyName
	case "middle_name":
		return who.MiddleName
	case "nickname":
		return who.Nickname
	case "preferred_username":
		return who.Username
	case "profile":
		return who.Profile
	case "picture":
		return who.Picture
	case "website":
		return who.Website
	case "gender":
		return who.Gender
	case "birthdate":
		return who.Birthdate
	case "zoneinfo":
		return who.ZoneInfo
	case "locale":
		return who.Locale
	case "email":
		return who.Email
	case "phone_number":
		return who.Phone
	case "provider":
		return who.Provider
	}
	return claimFlag(who, claim)
}

// claimFlag are those that say one of two things.
func claimFlag(who *providers.Identity, claim string) string {
	switch {
	case claim == "email_verified" && who.Email != "":
		return strconv.FormatBool(who.EmailVerified)
	case claim == "phone_number_verified" && who.Phone != "":
		return strconv.FormatBool(who.PhoneVerified)
	case claim == "assurance" && who.Assurance >= providers.Verified:
		return "verified"
	case claim == "assurance":
		return "asserted"
	}
	return ""
}
