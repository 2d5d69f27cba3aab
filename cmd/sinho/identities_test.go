package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"sinho/providers"
	"sinho/providers/sim"
)

// inside is a transport that ends in a handler; a handler that panics has cut the
// connection.
type inside struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (h inside) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			resp, err = nil, errors.New("connection reset")
		}
	}()
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// meeting is an adapter and the simulator it speaks to.
type meeting struct {
	t       *testing.T
	sim     *sim.Sim
	hc      *http.Client
	adapter providers.Provider
}

const (
	meetingBack = "https://id.example.kr/callback/x"
	aVerifier   = "0123456789012345678901234567890123456789012"
)

func meet(t *testing.T, id string, change func(*providers.Settings), quirks ...sim.Quirk) meeting {
	t.Helper()
	base := "https://" + id + ".example"
	s, err := sim.New(sim.Config{
		ID: id, Base: base, ClientID: "sinho", ClientSecret: "secret", RedirectURIs: []string{meetingBack},
		Control: &sim.Control{CapacityPerS: 100_000, Approve: sim.Manual}, Quirks: quirks,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	i := slices.IndexFunc(simulatedProviders(), func(p simulated) bool { return p.id == id })
	set := simulatedProviders()[i].settings(base, "secret", s)
	if change != nil {
		change(&set)
	}
	hc := &http.Client{Transport: inside{s.Handler()}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	adapter, err := providers.New(set, hc)
	if err != nil {
		t.Fatal(err)
	}
	return meeting{t: t, sim: s, hc: hc, adapter: adapter}
}

// login lets somebody log in; what they are is the adapter's Identity.
func (m meeting) login(person int) (providers.Identity, error) {
	m.t.Helper()
	ask := providers.Ask{RedirectURI: meetingBack, State: "state", Nonce: "nonce", Verifier: aVerifier}
	if p, is := m.adapter.(providers.Pusher); is {
		return m.push(p, ask, sim.Everybody()[person])
	}
	p := m.adapter.(providers.Redirector)
	to, err := p.AuthURL(m.t.Context(), ask)
	if err != nil {
		return providers.Identity{}, err
	}
	page, err := url.Parse(to)
	if err != nil {
		m.t.Fatal(err)
	}
	form := page.Query()
	form.Set("approve", "yes")
	form.Set("person", strconv.Itoa(person))
	page.RawQuery = ""
	resp := m.post(page.String(), form)
	back, err := resp.Location()
	if err != nil {
		m.t.Fatalf("got %d at the login page: %v", resp.StatusCode, err)
	}
	return p.Exchange(m.t.Context(), ask, back.Query())
}

func (m meeting) post(to string, form url.Values) *http.Response {
	m.t.Helper()
	resp, err := m.hc.PostForm(to, form)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (m meeting) push(p providers.Pusher, ask providers.Ask, who sim.Person) (providers.Identity, error) {
	m.t.Helper()
	ctx := m.t.Context()
	pending, err := p.Push(ctx, ask, providers.Contact{Name: who.Name, Birthdate: digits(who.Birthdate), Phone: who.Phone}, "붉은 여우")
	if err != nil {
		return providers.Identity{}, err
	}
	if progress, err := p.Poll(ctx, pending); err != nil || progress != providers.Waiting {
		m.t.Errorf("before the phone's button: got %v, %v", progress, err)
	}
	m.post("https://"+m.adapter.Info().ID+".example/phone/"+pending.Ref, url.Values{"approve": {"yes"}})
	if progress, err := p.Poll(ctx, pending); err != nil || progress != providers.Approved {
		return providers.Identity{}, errors.Join(err, errors.New("not approved"))
	}
	return p.Result(ctx, pending)
}

// Every quirk that a simulator can have is met by an adapter as it should be.
func TestAdaptersMeetEveryQuirk(t *testing.T) {
	first := sim.People()[0]
	same := func(id providers.Identity) bool { return id.Name == first.Name && id.Birthdate == first.Birthdate }
	nothing := func(s *providers.Settings) { s.Needs = []string{} }
	fresh := func(s *providers.Settings) { proved := providers.FreshProved; s.Fresh = &proved }
	for _, tt := range []struct {
		id     string
		quirk  sim.Quirk
		change func(*providers.Settings)
		ok     func(providers.Identity) bool // nil: an error is wanted
		class  providers.Class
		code   string
	}{
		{"naver", sim.QuirkTypes, nil, same, 0, ""},
		{"naver", sim.QuirkExtra, nil, same, 0, ""},
		{"naver", sim.QuirkSparse, nil, func(id providers.Identity) bool {
			return id.Name == first.Name && id.Birthdate == "" && id.Gender == "" && id.Phone == "+821000000000"
		}, 0, ""},
		{"naver", sim.QuirkErrors200, func(s *providers.Settings) { s.ClientSecret = "wrong" }, nil, providers.Configuration, "invalid_client"},
		{"naver", sim.QuirkResultCode, nil, nil, providers.BadCode, "024"},
		{"naver", sim.QuirkWrongNonce, nil, nil, providers.BadCode, "nonce"},
		{"naver", sim.QuirkWrongSub, nil, nil, providers.BadCode, "sub-mismatch"},
		{"kakao", sim.QuirkTypes, nil, same, 0, ""},
		{"kakao", sim.QuirkExtra, nil, same, 0, ""},
		{"kakao", sim.QuirkSparse, nil, func(id providers.Identity) bool { return same(id) && id.Email == "" && id.Phone == "" }, 0, ""},
		{"kakao", sim.QuirkTrunkZero, nil, func(id providers.Identity) bool { return same(id) && id.Phone == "+821000000000" }, 0, ""},
		{"kakao", sim.QuirkLunar, nil, func(id providers.Identity) bool { return id.Name == first.Name && id.Birthdate == "" }, 0, ""},
		{"kakao", sim.QuirkWithheld, nil, nil, providers.Consent, "name"},
		{"kakao", sim.QuirkUnder14, nil, nil, providers.Policy, providers.CodeUnder14},
		{"kakao", sim.QuirkNoAuthTime, nil, func(id providers.Identity) bool { return same(id) && id.AuthTime.IsZero() }, 0, ""},
		{"kakao", sim.QuirkOldAuthTime, nil, same, 0, ""},
		{"kakao", sim.QuirkWrongNonce, nil, nil, providers.BadCode, "nonce"},
		{"kakao", sim.QuirkWrongSub, nil, nil, providers.BadCode, "sub-mismatch"},
		{"oidc", sim.QuirkTypes, nil, func(id providers.Identity) bool { return same(id) && id.EmailVerified }, 0, ""},
		{"oidc", sim.QuirkExtra, nil, same, 0, ""},
		{"oidc", sim.QuirkSparse, nothing, func(id providers.Identity) bool { return id.Name == first.Name && id.Birthdate == "" && id.Phone == "" }, 0, ""},
		{"oidc", sim.QuirkCI, nil, func(id providers.Identity) bool { return same(id) && id.CI == providers.CI{} }, 0, ""},
		{"oidc", sim.QuirkList, func(s *providers.Settings) {
			s.Scopes = append(s.Scopes, sim.VerifiedScope)
			s.Assurance, s.TrustFramework = providers.Verified, sim.TrustFramework
		}, func(id providers.Identity) bool {
			return same(id) && id.AssuranceOf(providers.AttrName) == providers.Verified
		}, 0, ""},
		{"oidc", sim.QuirkNoISS, nil, nil, providers.BadCode, "iss"},
		{"oidc", sim.QuirkNoAuthTime, fresh, func(id providers.Identity) bool { return same(id) && id.AuthTime.IsZero() }, 0, ""},
		{"oidc", sim.QuirkOldAuthTime, nil, same, 0, ""},
		{"oidc", sim.QuirkWrongNonce, nil, nil, providers.BadCode, "nonce"},
		{"oidc", sim.QuirkWrongSub, nil, nil, providers.BadCode, "sub-mismatch"},
		{"pass", sim.QuirkTypes, nil, same, 0, ""},
		{"pass", sim.QuirkExtra, nil, same, 0, ""},
		{"pass", sim.QuirkSparse, nil, func(id providers.Identity) bool { return same(id) && id.Carrier == "" && id.Foreigner == nil }, 0, ""},
		{"toss", sim.QuirkExtra, nil, same, 0, ""},
		{"toss", sim.QuirkSparse, nil, func(id providers.Identity) bool { return same(id) && id.Gender == "" && id.Foreigner == nil }, 0, ""},
		{"toss", sim.QuirkNotFinal, nil, same, 0, ""},
	} {
		t.Run(tt.id+"/"+string(tt.quirk), func(t *testing.T) {
			t.Parallel() // one waits a second for a result
			id, err := meet(t, tt.id, tt.change, tt.quirk).login(0)
			var e *providers.Error
			switch {
			case tt.ok != nil && (err != nil || !tt.ok(id)):
				t.Errorf("got %+v, %v", id, err)
			case tt.ok == nil && (!errors.As(err, &e) || e.Class != tt.class || e.Code != tt.code):
				t.Errorf("got %v, want %v (%s)", err, tt.class, tt.code)
			}
		})
	}
}

// People who are not like the others, over every provider.
func TestAdaptersMeetParticularPeople(t *testing.T) {
	all := sim.Everybody()
	number := func(which func(sim.Person) bool) int { return slices.IndexFunc(all, which) }
	lunar, foreigner := number(func(p sim.Person) bool { return p.Lunar != "" }), number(func(p sim.Person) bool { return p.Foreigner })
	child, nameless, shy := number(func(p sim.Person) bool { return p.Under14 }), number(func(p sim.Person) bool { return p.NoCI }), number(func(p sim.Person) bool { return p.Shy })
	is := func(id string, person int) (providers.Identity, *providers.Error) {
		t.Helper()
		who, err := meet(t, id, nil).login(person)
		var e *providers.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%s, %d: got %v", id, person, err)
		}
		return who, e
	}
	if who, e := is("kakao", lunar); e != nil || who.Birthdate != "" || who.Name == "" {
		t.Errorf("a lunar birthday at kakao: got %+v, %v", who, e)
	}
	for _, id := range []string{"naver", "pass", "toss", "oidc"} {
		if who, e := is(id, lunar); e != nil || who.Birthdate != all[lunar].Birthdate {
			t.Errorf("the same person at %s: got %+v, %v", id, who, e)
		}
	}
	for _, id := range []string{"pass", "toss"} {
		if who, e := is(id, foreigner); e != nil || who.Foreigner == nil || !*who.Foreigner || who.Name != all[foreigner].Name {
			t.Errorf("a foreigner at %s: got %+v, %v", id, who, e)
		}
	}
	if _, e := is("kakao", child); e == nil || e.Class != providers.Policy || e.Code != providers.CodeUnder14 || e.Colours() {
		t.Errorf("a child at kakao: got %v", e)
	}
	if _, e := is("kakao", nameless); e == nil || e.Class != providers.Consent || e.Code != "ci" {
		t.Errorf("no CI at kakao, which is set to send it: got %v", e)
	}
	if who, e := is("toss", nameless); e != nil || who.CI != (providers.CI{}) || who.Subject == "" {
		t.Errorf("no CI at toss: got %+v, %v", who, e)
	}
	if _, e := is("kakao", shy); e == nil || e.Class != providers.Consent {
		t.Errorf("nothing shared at kakao: got %v", e)
	}
	for _, id := range []string{"naver", "oidc"} {
		if who, e := is(id, shy); e != nil || who.Subject == "" || who.Name != "" || who.Email != "" {
			t.Errorf("nothing shared at %s: got %+v, %v", id, who, e)
		}
	}
}
