package broker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sinho/broker/client"
	"sinho/providers"
)

const clinicURI = "https://clinic.example/cb"

func TestWhoseTurnItIsComesIn(t *testing.T) {
	w := rotaWorld(t)
	br := w.browser()
	if s := must2(t)(br.back()); !query(t, s.Redirect).Has("code") || !strings.HasPrefix(s.Redirect, clinicURI) {
		t.Fatalf("got %+v, want a code for the site", s)
	}
	if n := w.store.waited(); n != 1 {
		t.Errorf("got %d store waits, want 1: a rota costs none", n)
	}
	if to := br.authorize(clinic()...); !query(t, to).Has("code") {
		t.Errorf("by the session: got %s, want a code", to)
	}
}

func TestWhoseTurnItIsNotIsToldWhenAndTheSiteHearsIt(t *testing.T) {
	w := rotaWorld(t)
	w.born("1990-05-12")
	br := w.browser()
	s, err := br.back()
	away := br.wantTurn(s, err)
	if next := evening.AddDate(0, 0, 10); !away.Next.Equal(next) || !away.Until.Equal(next.Add(22*time.Hour)) || away.Next.Location() != seoul {
		t.Errorf("got %v to %v, want %v and 22 h later, by the rota's clock", away.Next, away.Until, next)
	}
	if away.Site.ID != "clinic" || away.Site.Start == "" || away.Ref == "" || away.Chooser != "" {
		t.Errorf("got %+v, want the site and a reference", away)
	}
	if n, records := w.store.waited(), len(w.store.records); n != 0 || records != 0 {
		t.Errorf("got %d store waits and %d records, want none: a refusal is not kept", n, records)
	}
	if _, in := br.cookies[br.b.cookieName(cookieSession)]; in {
		t.Error("got a session, want none of a login that was refused")
	}
	if got := w.travelled(); got != "started returned ended" {
		t.Errorf("got trips %q, want one that ended well: the provider did all it should", got)
	}
	site := query(t, must2(t)(br.turnBack(away.Sealed)).Redirect)
	if site.Get("error") != "access_denied" || site.Get("error_description") != notTheirTurn || site.Get("state") != "the-state" || site.Get("iss") != issuer || site.Has("code") {
		t.Errorf("the site gets %v, want access_denied with state and iss", site)
	}
	for _, personal := range []string{"1990", "05-12", "2021-08-19"} {
		if strings.Contains(w.logs.String(), personal) || strings.Contains(site.Encode(), personal) {
			t.Errorf("%s is in the log or in what the site gets", personal)
		}
	}
}

func TestARefusalIsRepeatedByAReloadOnAnyNode(t *testing.T) {
	w := rotaWorld(t)
	w.born("1990-05-12")
	br := w.browser()
	to := must2(t)(br.begin(br.chooser(clinic()...), "naver", nil))
	back := approve(t, to.Redirect)
	first := br.wantTurn(br.finish("naver", back))
	again := br.wantTurn(br.finish("naver", back)) // from memory
	w.clock.add(2 * time.Minute)
	late := br.wantTurn(br.finish("naver", back)) // from the cookie
	br.b = w.node()
	other := br.wantTurn(br.finish("naver", back)) // on another node
	for _, a := range []TurnedAway{again, late, other} {
		if !a.Next.Equal(first.Next) || !a.Until.Equal(first.Until) {
			t.Errorf("got %v to %v, want the same as at first", a.Next, a.Until)
		}
	}
	if w.naver.calls != 1 {
		t.Errorf("got %d exchanges, want 1", w.naver.calls)
	}
}

// Each refusal is told once, with where it was decided, and nothing else is.
func TestRefusalsByARotaAreToldOnce(t *testing.T) {
	w := rotaWorld(t)
	var got []RotaRefusal
	w.cfg.Hooks.RotaRefused = func(r RotaRefusal) { got = append(got, r) }
	want := func(what string, refusals ...RotaRefusal) {
		t.Helper()
		if !slices.Equal(got, refusals) {
			t.Errorf("%s: got %+v told, want %+v", what, got, refusals)
		}
		got = nil
	}
	w.clock.add(20 * time.Hour) // 17:00
	br := w.browser()
	br.b = w.node()
	br.h = br.b.Handler()
	must2(t)(br.back())
	want("in turn")
	br.authorize(clinic()...)
	want("in turn, by the session")
	w.clock.add(time.Hour)
	br.wantTurn(Step{Redirect: br.authorize(clinic()...)}, nil)
	want("by the session", RotaRefusal{Rota: "vaccine", Session: true})
	br.authorize(clinic("prompt", "none")...)
	want("by the session in silence", RotaRefusal{Rota: "vaccine", Session: true})

	fresh := w.browser()
	fresh.b, fresh.h = br.b, br.h
	to := must2(t)(fresh.begin(fresh.chooser(clinic()...), "naver", nil))
	back := approve(t, to.Redirect)
	fresh.wantTurn(fresh.finish("naver", back))
	want("after a provider", RotaRefusal{Rota: "vaccine"})
	w.clock.add(2 * time.Minute)
	fresh.wantTurn(fresh.finish("naver", back))
	fresh.b = w.node()
	fresh.wantTurn(fresh.finish("naver", back))
	want("the same once more, and on another node")
	w.born("")
	s, err := fresh.back()
	w.wantNotice(s, err, NoticeBirthdate)
	want("without a birthdate", RotaRefusal{Rota: "vaccine", Birthdate: true})
}

func TestNobodysTurnEverIsToldSo(t *testing.T) {
	w := rotaWorld(t)
	w.born("2012-05-09")
	br := w.browser()
	s, err := br.back()
	if away := br.wantTurn(s, err); !away.Next.IsZero() || !away.Until.IsZero() || away.Chooser != "" {
		t.Errorf("got %+v, want no turn", away)
	}
}

func TestWithoutAVerifiedBirthdateNobodyPasses(t *testing.T) {
	for name, change := range map[string]func(*providers.Identity){
		"none is given":           func(who *providers.Identity) { who.Birthdate = "" },
		"only a year":             func(who *providers.Identity) { who.Birthdate = "1990" },
		"a year that is not told": func(who *providers.Identity) { who.Birthdate = "0000-05-09" },
		"a day that there is not": func(who *providers.Identity) { who.Birthdate = "1990-02-29" },
		"the person's own word, not it": func(who *providers.Identity) {
			who.Origins = who.Origins.With(providers.Origin{Source: providers.FromIDToken, Assurance: providers.Asserted}, providers.AttrBirthdate)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := rotaWorld(t)
			change(&w.naver.who)
			br := w.browser()
			s, err := br.back()
			r := w.wantNotice(s, err, NoticeBirthdate)
			if from := query(t, s.Redirect).Get("from"); from != "naver" {
				t.Errorf("got from %q, want naver", from)
			}
			if n := w.store.waited(); n != 0 {
				t.Errorf("got %d store waits, want none", n)
			}
			// The request is kept: another way that vouches for it goes on.
			step := must2(t)(br.begin(r, "pass", contact))
			w.pass.set(func() { w.pass.progress = providers.Approved })
			w.clock.add(time.Second)
			if s := must2(t)(br.waiting(journeyOf(t, step))); !query(t, s.Redirect).Has("code") {
				t.Errorf("by pass: got %+v, want a code", s)
			}
		})
	}
}

func TestAPushIsJudgedAlike(t *testing.T) {
	w := rotaWorld(t)
	w.born("1990-05-12")
	br := w.browser()
	name := journeyOf(t, must2(t)(br.begin(br.chooser(clinic()...), "pass", contact)))
	w.pass.set(func() { w.pass.progress = providers.Approved })
	w.clock.add(time.Second)
	br.wantTurn(br.waiting(name))
	br.wantTurn(br.waiting(name)) // a second tab
	if len(w.store.records) != 1 {
		t.Errorf("got %d records, want the lease alone", len(w.store.records))
	}
}

func TestASessionIsJudgedByTheRotaAgain(t *testing.T) {
	w := rotaWorld(t)
	br := w.browser()
	must2(t)(br.back())
	w.clock.add(9 * time.Hour) // 6:00
	if to := br.authorize(clinic()...); !query(t, to).Has("code") {
		t.Fatalf("in the window: got %s, want a code", to)
	}
	w = rotaWorld(t)
	w.clock.add(12 * time.Hour) // 9:00 of the 10th
	br = w.browser()
	must2(t)(br.back())
	w.clock.add(9*time.Hour - time.Second) // 17:59:59
	if to := br.authorize(clinic()...); !query(t, to).Has("code") {
		t.Errorf("just before its end: got %s, want a code", to)
	}
	w.clock.add(time.Second)
	w.store.waited()
	away := br.wantTurn(Step{Redirect: br.authorize(clinic()...)}, nil)
	if n := w.store.waited(); n != 1 {
		t.Errorf("got %d store waits, want the read of the session", n)
	}
	if got := query(t, must2(t)(br.turnBack(away.Sealed)).Redirect).Get("error"); got != "access_denied" {
		t.Errorf("got %s, want access_denied", got)
	}
	silent := query(t, br.authorize(clinic("prompt", "none")...))
	if silent.Get("error") != "access_denied" || silent.Get("error_description") != notTheirTurn {
		t.Errorf("in silence: got %v, want access_denied", silent)
	}
	// Other sites have no rota: the session is as good as ever.
	s, err := br.proceed(br.chooser("client_id", "bank", "redirect_uri", "https://bank.example/cb"))
	if !query(t, must(t, s, err).Redirect).Has("code") {
		t.Errorf("at another site: got %+v, want a code", s)
	}
}

func TestContinueIsJudgedByTheRota(t *testing.T) {
	w := rotaWorld(t)
	br := w.browser()
	bank := []string{"client_id", "bank", "redirect_uri", "https://bank.example/cb"}
	verify := func() {
		t.Helper()
		to := must2(t)(br.begin(br.chooser(bank...), "naver", nil))
		must2(t)(br.finish("naver", approve(t, to.Redirect)))
	}
	w.born("1990-05-12")
	verify()
	r := br.chooser(clinic()...)
	if l, err := br.resume(r); err != nil || !l.Continue || l.Today == nil || !l.Today.Open {
		t.Fatalf("got %+v (%v), want it offered, with whose turn it is", l, err)
	}
	br.wantTurn(br.proceed(r))
	br = w.browser()
	w.born("")
	verify()
	s, err := br.proceed(br.chooser(clinic()...))
	w.wantNotice(s, err, NoticeBirthdate)
	br = w.browser()
	w.born("1990-05-29")
	verify()
	if s := must2(t)(br.proceed(br.chooser(clinic()...))); !query(t, s.Redirect).Has("code") {
		t.Errorf("in turn: got %+v, want a code", s)
	}
}

func TestWhoCameBeforeTheEndFinishesWithinTheGrace(t *testing.T) {
	w := rotaWorld(t)
	br := w.browser()
	w.clock.add(21*time.Hour - time.Minute) // 17:59
	r := br.chooser(clinic()...)
	w.clock.add(4 * time.Minute) // the first provider fails at 18:03
	w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down}
	to := must2(t)(br.begin(r, "naver", nil))
	s, err := br.finish("naver", approve(t, to.Redirect))
	r = w.wantNotice(s, err, NoticeFailed)
	w.naver.fail = nil
	w.clock.add(6 * time.Minute) // 18:09
	to = must2(t)(br.begin(r, "naver", nil))
	if s := must2(t)(br.finish("naver", approve(t, to.Redirect))); !query(t, s.Redirect).Has("code") {
		t.Fatalf("within the grace: got %+v, want a code: a provider's failure costs nobody their turn", s)
	}
	late := w.browser()
	s, err = late.back() // came at 18:09
	late.wantTurn(s, err)
	// A request kept open until the grace is over is too late.
	w = rotaWorld(t)
	w.clock.add(21*time.Hour - time.Minute)
	br = w.browser()
	to = must2(t)(br.begin(br.chooser(clinic()...), "naver", nil))
	w.clock.add(11 * time.Minute)
	br.wantTurn(br.finish("naver", approve(t, to.Redirect)))
}

func TestThePageLeadsOnOnceTheTurnHasCome(t *testing.T) {
	w := rotaWorld(t)
	w.clock.add(-70 * time.Minute) // 19:50
	br := w.browser()
	// A rota whose next turn is in ten minutes.
	w.cfg.Hooks.Rota = func(_, _ string, _, now time.Time) Verdict {
		return Verdict{Admitted: !now.Before(evening), Next: evening, Until: evening.Add(22 * time.Hour)}
	}
	br.b = w.node()
	br.h = br.b.Handler()
	s, err := br.back()
	away := br.wantTurn(s, err)
	if away.Chooser != "" {
		t.Fatalf("ten minutes before: got a way on")
	}
	w.clock.add(10 * time.Minute)
	away, err = br.turn(away.Sealed)
	if err != nil || away.Chooser == "" {
		t.Fatalf("got %+v (%v), want the chooser", away, err)
	}
	to := must2(t)(br.begin(sealedIn(t, away.Chooser), "naver", nil))
	if s := must2(t)(br.finish("naver", approve(t, to.Redirect))); !query(t, s.Redirect).Has("code") {
		t.Errorf("got %+v, want a code, for the same request", s)
	}
}

// What one login was told is not the next one's: a request that was refused, shown
// to the chooser and on its way again, comes back to the chooser when that fails.
func TestATurnThatWasToldIsForgottenByTheNextLogin(t *testing.T) {
	w := rotaWorld(t)
	w.born("1990-05-12")
	br := w.browser()
	s, err := br.back()
	away := br.wantTurn(s, err)
	to := must2(t)(br.begin(away.Sealed, "naver", nil))
	w.naver.fail = &providers.Error{Provider: "naver", Class: providers.Down}
	back := approve(t, to.Redirect)
	for range 2 { // and when it is reloaded
		s, err = br.finish("naver", back)
		w.wantNotice(s, err, NoticeFailed)
	}
}

// A request as long as one may be still has room for what is added on its way.
func TestTheLongestRequestCanBeToldOfATurn(t *testing.T) {
	w := rotaWorld(t)
	w.born("1990-05-12")
	br := w.browser()
	long := ""
	for n := 1; n <= maxNonce; n++ { // the longest that is let in
		to := br.authorize(clinic("state", strings.Repeat("s", maxState), "nonce", strings.Repeat("n", n))...)
		if !strings.HasPrefix(to, "/login?") {
			break
		}
		long = strings.Repeat("n", n)
	}
	s, err := br.back("state", strings.Repeat("s", maxState), "nonce", long)
	away := br.wantTurn(s, err)
	if len(away.Sealed) < maxSealedRequest-maxSealedGrowth || len(away.Sealed) > maxSealedRequest+maxSealedGrowth {
		t.Errorf("got %d bytes (nonce of %d), want about %d", len(away.Sealed), len(long), maxSealedRequest)
	}
	if len(away.Sealed) <= maxSealedRequest && len(long) < maxNonce {
		t.Errorf("got %d bytes, want more than %d: nothing was tried", len(away.Sealed), maxSealedRequest)
	}
	_, err = br.turn(strings.Repeat("A", maxSealedRequest+maxSealedGrowth+1))
	w.wantProblem(err, ProblemTooLarge)
}

func TestAFormPostSiteIsToldByAForm(t *testing.T) {
	w := rotaWorld(t)
	w.born("1990-05-12")
	br := w.browser()
	s, err := br.back("response_mode", "form_post")
	step := must2(t)(br.turnBack(br.wantTurn(s, err).Sealed))
	if f := fieldsOf(step.Post); f.Get("error") != "access_denied" || f.Get("state") != "the-state" || step.Post.Action != clinicURI {
		t.Errorf("got %+v, want access_denied in a form", step.Post)
	}
}

func TestAClientWithARotaNeedsSomebodyWhoDecides(t *testing.T) {
	w := rotaWorld(t)
	w.cfg.Hooks.Rota = nil
	if _, err := New(w.cfg); err == nil || !strings.Contains(err.Error(), "clinic has a rota") {
		t.Errorf("got %v, want it refused", err)
	}
	w.cfg.Hooks.Rota, w.cfg.Hooks.Today = nineOnly, nil
	if _, err := New(w.cfg); err == nil {
		t.Error("without Today: got a broker")
	}
	_, err := client.NewRegistry(client.Client{ID: "x", Public: true, Name: providers.Text{EN: "X"}, RedirectURIs: []string{clinicURI}, Rota: "vaccine"})
	if err == nil || !strings.Contains(err.Error(), "min_assurance") {
		t.Errorf("an asserted client: got %v, want it refused", err)
	}
}
